"""ACT7, inputs: data that make any training slow.

- `input_not_centred` (ACT701): a mean that outweighs the differences.
- `input_scale` (ACT702): values far too large, too small, or of very different sizes.
- `ordered_data` (ACT703): batches that each hold one kind of target.

They read the moments that the recorder keeps of the network's input. Hidden layers are not judged.
"""
