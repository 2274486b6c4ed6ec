"""The names under which the autograd graph shows operations, sorted by what they do.

A name stands without the digit of its overload (see `graph.kind`).
"""

LEAF = "torch::autograd::AccumulateGrad"
# For each affine operation: the position of its data, its weight and its bias among the node's
# inputs, and the attributes that hold data and weight. None: it has no bias of its own.
AFFINE: dict[str, tuple[int, int, int | None, str, str]] = {
    "AddmmBackward": (1, 2, 0, "_saved_mat1", "_saved_mat2"),
    "MmBackward": (0, 1, None, "_saved_self", "_saved_mat2"),
    "LinearBackward": (0, 1, 2, "_saved_input", "_saved_weight"),
    "ConvolutionBackward": (0, 1, 2, "_saved_input", "_saved_weight"),
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

# Operations that change the shape or the place of numbers, never their value.
RESHAPE = frozenset(
    f"{name}Backward"
    for name in (
        *("Alias", "AsStrided", "Chunk", "Clone", "Contiguous", "Detach", "Expand", "Flatten"),
        *("Gather", "Index", "Movedim", "Narrow", "Permute", "Reshape", "ReshapeAlias", "Select"),
        *("Slice", "Split", "SplitWithSizes", "Squeeze", "T", "ToCopy", "Transpose", "Unbind"),
        *("Unfold", "UnsafeSplit", "UnsafeView", "Unsqueeze", "View"),
    )
)
# Between a parameter and its use: a view of it, or a weight norm.
SEEN_THROUGH = RESHAPE | {"WeightNormInterfaceBackward"}
# Linear over samples besides: averages, padding, sums over an axis.
LINEAR = frozenset(
    f"{name}Backward"
    for name in (
        *("AvgPool1D", "AvgPool2D", "AvgPool3D", "MkldnnAdaptiveAvgPool2D", "AdaptiveAvgPool1D"),
        *("AdaptiveAvgPool2D", "AdaptiveAvgPool3D", "ConstantPadNd", "Mean", "Sum", "Neg"),
        *("UpsampleNearest2D", "UpsampleBilinear2D"),
    )
)
