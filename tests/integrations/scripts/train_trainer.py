"""A small BERT on made-up sentences with Hugging Face's Trainer; `--broken` raises the rate."""

import sys
import tempfile

import torch
import transformers
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
transformers.set_seed(0)
words = torch.randint(2, 50, (512, 12))
labels = (words == 7).any(1).long() + (words == 9).any(1).long()
rows = [{"input_ids": w, "labels": y} for w, y in zip(words, labels, strict=True)]
config = BertConfig(
    vocab_size=50,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=64,
    num_labels=3,
)
trainer = Trainer(
    model=BertForSequenceClassification(config),
    args=TrainingArguments(
        output_dir=tempfile.mkdtemp(),
        num_train_epochs=6,
        per_device_train_batch_size=32,
        learning_rate=1.0 if "--broken" in sys.argv else 2e-3,
        lr_scheduler_type="constant",
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
        seed=0,
    ),
    train_dataset=rows,
)
trainer.train()
model = trainer.model.eval()
with torch.no_grad():
    print(f"loss {float(model(input_ids=words, labels=labels).loss):.6f}")
