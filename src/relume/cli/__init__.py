"""The commands, a file each: plain functions, which `relume.cli.app` registers."""
