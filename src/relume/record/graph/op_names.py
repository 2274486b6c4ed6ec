"""Names the operations of the autograd graph, sorted by what they do.

A name stands without the digit of its overload (see `autograd_graph.kind`).
"""

from typing import NamedTuple

LEAF = "torch::autograd::AccumulateGrad"


class AffineOp(NamedTuple):
    """Where the node of an affine operation has its operands.

    Attributes:
        data, weight, bias: their positions among the node's inputs; `bias` is None where the
            operation adds none.
        saved_data, saved_weight: the node's attributes that hold the two tensors.
    """

    data: int
    weight: int
    bias: int | None
    saved_data: str
    saved_weight: str


AFFINE: dict[str, AffineOp] = {
    "AddmmBackward": AffineOp(1, 2, 0, "_saved_mat1", "_saved_mat2"),
    "MmBackward": AffineOp(0, 1, None, "_saved_self", "_saved_mat2"),
    "LinearBackward": AffineOp(0, 1, 2, "_saved_input", "_saved_weight"),
    "ConvolutionBackward": AffineOp(0, 1, 2, "_saved_input", "_saved_weight"),
}

NORM = frozenset(
    {
        "NativeBatchNormBackward",
        "CudnnBatchNormBackward",
        "MiopenBatchNormBackward",
        "NativeLayerNormBackward",
        "NativeGroupNormBackward",
        "FusedRmsNormBackward",
    }
)
BATCH_NORM = frozenset(name for name in NORM if "BatchNorm" in name)

# Operations that change the shape of a tensor or the order of its entries, never their values.
RESHAPE = frozenset(
    f"{name}Backward"
    for name in (
        *("Alias", "AsStrided", "Chunk", "Clone", "Contiguous", "Detach", "Expand", "Flatten"),
        *("Gather", "Index", "Movedim", "Narrow", "Permute", "Reshape", "ReshapeAlias", "Select"),
        *("Slice", "Split", "SplitWithSizes", "Squeeze", "T", "ToCopy", "Transpose", "Unbind"),
        *("Unfold", "UnsafeSplit", "UnsafeView", "Unsqueeze", "View"),
    )
)
# What may stand between a parameter and its use: a view of it, or a weight norm.
SEEN_THROUGH = RESHAPE | {"WeightNormInterfaceBackward"}
# Further operations that are linear in each sample: averages, padding, sums over an axis.
LINEAR = frozenset(
    f"{name}Backward"
    for name in (
        *("AvgPool1D", "AvgPool2D", "AvgPool3D", "MkldnnAdaptiveAvgPool2D", "AdaptiveAvgPool1D"),
        *("AdaptiveAvgPool2D", "AdaptiveAvgPool3D", "ConstantPadNd", "Mean", "Sum", "Neg"),
        *("UpsampleNearest2D", "UpsampleBilinear2D"),
    )
)
