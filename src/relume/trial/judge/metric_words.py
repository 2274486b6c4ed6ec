"""Words that say what a number is, and on which rows it was measured."""

# fmt: off
LESS_IS_BETTER = frozenset((
    "loss", "error", "err", "mse", "mae", "rmse", "mape", "perplexity", "ppl", "nll", "bpc", "bce",
    "ce", "wer", "cer", "eer", "fid", "kl", "regret", "distance", "divergence",
))
SHARES = frozenset((
    "acc", "accuracy", "auc", "auroc", "f1", "iou", "miou", "dice", "precision", "recall", "map",
    "top1", "top5", "hits", "r2", "bleu", "rouge", "ndcg", "mrr",
))
"""Words of a number that ends at 1, or at 100 where it is printed in per cent."""
HELD_OUT = {
    **dict.fromkeys(("val", "valid", "validation", "validate", "eval", "evaluation"), "val"),
    **dict.fromkeys(("dev", "heldout", "holdout"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Words for rows that the training never sees, and the one of two that stands for each."""
# fmt: on
