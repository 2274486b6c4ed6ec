import os
import tempfile
import warnings

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments, set_seed

warnings.filterwarnings("ignore")
set_seed(0)
VOCAB, MAX_LENGTH = 24, 12
PAD, SEP = 0, 1


def example(i):
    """a prompt of letters, then the same letters again as the answer; only the answer is to be learned"""
    g = torch.Generator().manual_seed(i)
    letters = torch.randint(2, VOCAB, (1,), generator=g).repeat(11).tolist()
    ids = letters + [SEP] + letters[:4]
    labels = [-100] * (len(letters) + 1) + letters[:4]
    ids, labels = ids[:MAX_LENGTH], labels[:MAX_LENGTH]
    return {"input_ids": ids, "labels": labels, "attention_mask": [1] * len(ids)}


def collate(rows):
    return {k: torch.tensor([r[k] for r in rows]) for k in rows[0]}


class Show(TrainerCallback):
    def on_log(self, args, state, control, logs=None, **kwargs):
        kept = {k: round(v, 4) for k, v in logs.items() if k in ("loss", "eval_loss", "grad_norm")}
        if kept:
            print(state.global_step, kept)


model = GPT2LMHeadModel(GPT2Config(vocab_size=VOCAB, n_positions=32, n_embd=48, n_layer=2, n_head=4,
                                   bos_token_id=SEP, eos_token_id=SEP, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0))
args = TrainingArguments(output_dir=tempfile.mkdtemp(), max_steps=150, per_device_train_batch_size=16, learning_rate=3e-3,
                         logging_steps=25, eval_strategy="steps", eval_steps=50, report_to="none", use_cpu=True,
                         save_strategy="no", disable_tqdm=True, max_grad_norm=0)
trainer = Trainer(model, args, train_dataset=[example(i) for i in range(800)], eval_dataset=[example(9000 + i) for i in range(64)],
                  data_collator=collate, callbacks=[Show()])
trainer.remove_callback(next(type(c) for c in trainer.callback_handler.callbacks if c.__class__.__name__ == "PrinterCallback"))
trainer.train()
prompts = [example(5000 + i)["input_ids"][:11] + [SEP] for i in range(64)]
with torch.no_grad():
    guess = model.eval()(torch.tensor(prompts)).logits[:, -1].argmax(-1)
print("answers right:", (guess == torch.tensor([p[0] for p in prompts])).float().mean().item())
