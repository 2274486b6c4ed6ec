"""What `relume check` refuses, and with which words."""

import pytest
from test_check_command import Relume, call

__all__ = ["call"]  # the fixture

BAD = {
    "no batch": (["check_nets:good"], "give the batch: --data pkg.mod:loader (or a file), or --in"),
    "two batches": (["check_nets:good", "--data", "x", "--input", "3"], "give the batch: --data"),
    "no colon": (
        ["check_nets", "--input", "2x4"],
        "TARGET is 'check_nets'; write it as",
    ),
    "near name": (
        ["check_nets:god", "--input", "2x4"],
        "TARGET 'check_nets:god': unknown name 'god'; did you mean 'good'?",
    ),
    "far name": (
        ["check_nets:zzzz", "--input", "2x4"],
        "TARGET 'check_nets:zzzz': there is no 'zzzz' in check_nets.",
    ),
    "no module": (
        ["no_nets:good", "--input", "2x4"],
        "TARGET is in the module 'no_nets', and there is no 'no_nets'.",
    ),
    "no submodule": (
        ["torch.nope.x:good", "--input", "2x4"],
        "TARGET is in the module 'torch.nope.x', and there is no 'torch.nope'.",
    ),
    "odd module": (["a b:good", "--input", "2x4"], "TARGET is in 'a b', which is no module's name"),
    "no file": (
        ["check_net.py:good", "--input", "2x4"],
        "TARGET: unknown file 'check_net.py'; did you mean 'check_nets.py'?",
    ),
    "no model": (["check_nets:NUMBER", "--input", "2x4"], "TARGET 'check_nets:NUMBER' is int; a "),
    "needs": (
        ["check_nets:wants", "--input", "2x4"],
        "'check_nets:wants' needs width; name a function without arguments.",
    ),
    "shape": (["check_nets:good", "--input", "2*4"], "--input is '2*4'; it is a shape with the"),
    "nothing": (["check_nets:good", "--input", "0x4"], "--input is '0x4', which has 0 numbers"),
    "too much": (["check_nets:good", "--input", "99999x99999"], "--input is '99999x99999', which"),
    "dtype": (
        ["check_nets:good", "--input", "2x4", "--dtype", "float23"],
        "unknown dtype 'float23'; did you mean 'float32'?",
    ),
    "criterion": (
        ["check_nets:good", "--input", "2x4", "--criterion", "cross_entrpy"],
        "unknown criterion 'cross_entrpy'; did you mean 'cross_entropy'?",
    ),
    "no target": (
        ["check_nets:good", "--input", "2x4", "--criterion", "cross_entropy"],
        "a criterion was given and no target; ",
    ),
    "no data": (
        ["check_nets:good", "--data", "x.npy"],
        "--data is 'x.npy', and there is no such file.",
    ),
    "no weights": (
        ["check_nets:good", "--input", "2x4", "--weights", "w.bin"],
        "--weights is 'w.bin'; a file that ends in .pt, .pth, .safetensors.",
    ),
    "rule": (
        ["check_nets:good", "--input", "2x4", "--select", "ded-units"],
        "unknown rule 'ded-units'; did you mean 'dead-units'?",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_words_are_one_sentence_and_2(case: str, call: Relume) -> None:
    args, sentence = BAD[case]
    code, out, err = call(*args)
    assert (code, out) == (2, "")
    assert err.startswith(f"relume: {sentence}")
    assert err.count("\n") == 1
