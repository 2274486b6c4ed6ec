"""The acts, by family. Each file binds `Act` records; `find_act` and the recorder look them up."""
