# expect: the model is made a second time after the optimizer was built: the optimizer holds the first one, the trained one never moves; cure: make the model once
import torch
from torch import nn

torch.manual_seed(4)
NAMES = {0: ["anna", "lena", "mira", "sofia", "julia", "nora", "clara", "emma"], 1: ["kurt", "horst", "ernst", "bert", "otto", "fritz", "gert", "kunz"],
         2: ["yuki", "kenji", "aiko", "hiro", "sato", "mika", "taro", "emi"]}
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class CharRNN(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.hidden = hidden
        self.i2h = nn.Linear(26 + hidden, hidden)
        self.out = nn.Linear(hidden, 3)

    def forward(self, word):
        h = torch.zeros(1, self.hidden)
        for ch in word:
            one = torch.zeros(1, 26)
            one[0, LETTERS.index(ch)] = 1
            h = torch.tanh(self.i2h(torch.cat((one, h), 1)))
        return self.out(h)


rnn = CharRNN()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(rnn.parameters(), lr=0.05)


def train(word, label):
    optimizer.zero_grad()
    loss = criterion(rnn(word), torch.tensor([label]))
    loss.backward()
    nn.utils.clip_grad_norm_(rnn.parameters(), 1.0)
    optimizer.step()
    return loss.item()


rnn = CharRNN()
pairs = [(w, k) for k, ws in NAMES.items() for w in ws]
total = 0.0
for i in range(1, 2401):
    w, k = pairs[torch.randint(len(pairs), ()).item()]
    total += train(w, k)
    if i % 400 == 0:
        right = sum(rnn(w).argmax().item() == k for w, k in pairs)
        print(f"{i} mean loss {total / 400:.4f} right {right}/{len(pairs)}")
        total = 0.0
