"""Which fault is tried on what, and the root cause that is right for it."""

import zoo_faults as z
from zoo_faults import Fault
from zoo_nets import Setup, build

Entry = tuple[str, Fault, tuple[str, ...], str, tuple[tuple[str, str, str], ...]]
"""Family, fault, right codes, right site, and (architecture, act, optimiser) it is tried on."""

PLACES = (
    ("mlp", "relu", "sgd"),
    ("conv", "relu", "adam"),
    ("residual", "gelu", "adamw"),
    ("transformer", "gelu", "adam"),
    ("lstm", "tanh", "adam"),
    ("language", "gelu", "adamw"),
)
BOUNDED = (
    ("diabetes", "relu", "adam"),
    ("values", "tanh", "momentum"),
    ("autoencoder", "elu", "adam"),
)

ENTRIES: tuple[Entry, ...] = (
    ("double-softmax", z.double_softmax, ("ACT201",), "head", PLACES),
    ("relu-on-logits", z.relu_on_logits, ("ACT203",), "head", PLACES),
    ("sigmoid-on-logits", z.sigmoid_on_logits, ("ACT203",), "head", PLACES[:4]),
    ("raw-into-nll", z.raw_into_nll, ("ACT203",), "head", PLACES[:4]),
    (
        "probabilities-to-bce",
        z.probabilities_to_bce,
        ("ACT202",),
        "head",
        (("tumours", "relu", "adam"), ("tumours", "tanh", "sgd"), ("tumours", "gelu", "adamw")),
    ),
    ("target-range", z.tanh_on_wide_targets, ("ACT204",), "head", BOUNDED),
    ("negative-targets", z.relu_on_negative_targets, ("ACT203",), "head", BOUNDED),
    ("softmax-over-batch", z.softmax_over_batch, ("ACT205",), "", PLACES[:5]),
    (
        "columns-against-rows",
        z.columns_against_rows,
        ("ACT206",),
        "head",
        (("diabetes", "relu", "adam"), ("values", "gelu", "adam"), ("values", "tanh", "sgd")),
    ),
    (
        "one-unit",
        z.one_unit_cross_entropy,
        ("ACT206", "ACT203"),
        "head",
        (("tumours", "relu", "adam"), ("tumours", "tanh", "sgd")),
    ),
    (
        "no-act",
        z.no_act,
        ("ACT101",),
        "",
        (
            ("mlp", "relu", "sgd"),
            ("deep", "tanh", "adam"),
            ("transformer", "gelu", "adam"),
            ("residual", "silu", "adam"),
            ("values", "relu", "adam"),
            ("tumours", "relu", "sgd"),
        ),
    ),
    (
        "sigmoid-after",
        z.sigmoid_after,
        ("ACT103",),
        "",
        (("mlp", "relu", "sgd"), ("deep", "sigmoid", "sgd"), ("conv", "relu", "sgd")),
    ),
    (
        "constant-weights",
        z.constant_weights,
        ("ACT302",),
        "weight",
        (
            ("mlp", "tanh", "sgd"),
            ("deep", "relu", "adam"),
            ("conv", "relu", "sgd"),
            ("values", "tanh", "adam"),
            ("tumours", "relu", "sgd"),
        ),
    ),
    (
        "zero-weights",
        z.zero_weights,
        ("ACT302",),
        "weight",
        (("mlp", "relu", "sgd"), ("conv", "tanh", "adam"), ("deep", "gelu", "adam")),
    ),
    (
        "unit-normal",
        z.unit_normal,
        ("ACT301", "ACT501"),
        "",
        (
            ("deep", "relu", "sgd"),
            ("deep", "tanh", "sgd"),
            ("deep", "gelu", "momentum"),
            ("deep", "leaky_relu", "sgd"),
        ),
    ),
    (
        "tiny-weights",
        z.tiny_weights,
        ("ACT301",),
        "",
        (
            ("deep", "relu", "sgd"),
            ("deep", "tanh", "momentum"),
            ("mlp", "relu", "sgd"),
            ("deep", "gelu", "sgd"),
            ("autoencoder", "relu", "sgd"),
        ),
    ),
    (
        "drowned",
        z.drowned,
        ("ACT303",),
        "1",
        (
            ("mlp", "relu", "sgd"),
            ("deep", "relu", "adam"),
            ("conv", "relu", "momentum"),
            ("values", "relu", "sgd"),
        ),
    ),
    (
        "drowned-smooth",
        z.drowned,
        ("ACT402",),
        "1",
        (("mlp", "gelu", "sgd"), ("deep", "silu", "sgd")),
    ),
    (
        "shut-gates",
        z.shut_gates,
        ("ACT502",),
        "shut|gate",
        (("mlp", "tanh", "sgd"), ("mlp", "tanh", "momentum")),
    ),
    (
        "deep-sigmoid",
        lambda s: s,
        ("ACT601",),
        "",
        (("deep", "sigmoid", "sgd"), ("deep", "sigmoid", "momentum")),
    ),
    (
        "rate-high",
        z.rate_high,
        ("ACT605",),
        "",
        (
            ("mlp", "relu", "adam"),
            ("deep", "relu", "adam"),
            ("conv", "relu", "adam"),
            ("mlp", "relu", "sgd"),
            ("residual", "gelu", "adam"),
            ("transformer", "relu", "adamw"),
            ("lstm", "tanh", "adam"),
            ("values", "relu", "adam"),
            ("language", "gelu", "adam"),
        ),
    ),
    (
        "rate-low",
        z.rate_low,
        ("ACT606",),
        "",
        (*PLACES, ("values", "tanh", "adam"), ("deep", "relu", "adam")),
    ),
    (
        "rate-spike",
        z.rate_spike,
        ("ACT605", "ACT403"),
        "",
        (("mlp", "relu", "sgd"), ("deep", "relu", "adam"), ("conv", "relu", "adam")),
    ),
    (
        "decay-wins",
        z.decay_wins,
        ("ACT608",),
        "",
        (
            ("mlp", "relu", "sgd"),
            ("deep", "tanh", "momentum"),
            ("conv", "relu", "sgd"),
            ("deep", "relu", "sgd"),
        ),
    ),
    (
        "wrong-parameters",
        z.wrong_parameters,
        ("ACT903",),
        "",
        (("mlp", "relu", "sgd"), ("conv", "relu", "adam"), ("values", "tanh", "adam")),
    ),
    (
        "shifted-inputs",
        z.shifted,
        ("ACT701",),
        "",
        (("deep", "tanh", "sgd"), ("mlp", "sigmoid", "sgd"), ("deep", "sigmoid", "adam")),
    ),
    (
        "huge-inputs",
        z.huge,
        ("ACT702",),
        "",
        (
            ("deep", "tanh", "sgd"),
            ("mlp", "sigmoid", "sgd"),
            ("mlp", "relu", "sgd"),
            ("conv", "tanh", "momentum"),
        ),
    ),
    (
        "log-of-zero",
        z.log_of_zero,
        ("ACT604",),
        "",
        (("mlp", "relu", "sgd"), ("conv", "gelu", "adam"), ("transformer", "gelu", "adam")),
    ),
    (
        "root-of-zero",
        z.root_of_zero,
        ("ACT604",),
        "",
        (("mlp", "tanh", "adam"), ("residual", "relu", "adam"), ("lstm", "tanh", "adam")),
    ),
)

ENTRIES += (
    (
        "straight-acts",
        z.straight_acts,
        ("ACT102",),
        "",
        (("rings", "silu", "sgd"), ("rings", "gelu", "adam"), ("rings", "silu", "momentum")),
    ),
    (
        "nan-rows",
        z.nan_rows,
        ("ACT803",),
        "",
        (("mlp", "relu", "sgd"), ("deep", "relu", "adam"), ("values", "relu", "sgd")),
    ),
    (
        "rounded-slopes",
        z.rounded_slopes,
        ("ACT801", "ACT501"),
        "",
        (("mlp", "tanh", "sgd"), ("deep", "tanh", "momentum"), ("mlp", "sigmoid", "adam")),
    ),
    (
        "bouncing",
        z.bouncing,
        ("ACT607", "ACT605"),  # a rate that makes it bounce is too high
        "",
        (("diabetes", "relu", "sgd"), ("values", "relu", "sgd")),
    ),
)


def broken(entry: Entry, arch: str, act: str) -> Setup:
    return entry[1](build(arch, act))
