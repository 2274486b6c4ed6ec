import logging
import tempfile

import numpy as np
import torch
import transformers
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainerCallback, TrainingArguments

transformers.logging.set_verbosity_error()
transformers.set_seed(0)
rng = np.random.default_rng(0)


def make(n):
    """is the third word one of the upper half of the vocabulary?"""
    rows = []
    for _ in range(n):
        w = rng.integers(5, 30, size=10)
        label = int(w[2] >= 17)
        rows.append({"input_ids": [1, *w.tolist(), 2], "attention_mask": [1] * 12, "labels": label})
    return rows


class Print(TrainerCallback):
    def on_log(self, args, state, control, logs=None, **kw):
        if "loss" in logs:
            print(f"step {state.global_step} loss {logs['loss']:.4f}")
        if "eval_accuracy" in logs:
            print(f"step {state.global_step} eval loss {logs['eval_loss']:.4f} accuracy {logs['eval_accuracy']:.3f}")


config = BertConfig(vocab_size=30, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96,
                    max_position_embeddings=16, num_labels=2, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
                    initializer_range=0.1)
model = BertForSequenceClassification(config)
for name, p in model.named_parameters():
    p.requires_grad = True

args = TrainingArguments(output_dir=tempfile.mkdtemp(), num_train_epochs=5, per_device_train_batch_size=64, learning_rate=1e-3,
                         logging_steps=50, eval_strategy="epoch", save_strategy="no", report_to="none", use_cpu=True, disable_tqdm=True)
trainer = Trainer(model=model, args=args, train_dataset=make(3000), eval_dataset=make(500), callbacks=[Print()],
                  compute_metrics=lambda p: {"accuracy": float((p.predictions.argmax(-1) == p.label_ids).mean())})
for c in list(trainer.callback_handler.callbacks):
    if type(c).__name__ == "PrinterCallback":
        trainer.remove_callback(c)
trainer.train()
