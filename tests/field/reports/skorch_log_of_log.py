import numpy as np
import torch
from skorch import NeuralNetClassifier
from sklearn.datasets import make_classification
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(0)
X, y = make_classification(1200, 20, n_informative=10, n_classes=4, class_sep=2.0, random_state=0)
X = StandardScaler().fit_transform(X).astype(np.float32)
y = y.astype(np.int64)


class Module(nn.Module):
    def __init__(self, hidden=50):
        super().__init__()
        self.dense0 = nn.Linear(20, hidden)
        self.dense1 = nn.Linear(hidden, hidden)
        self.output = nn.Linear(hidden, 4)
        self.out_act = nn.LogSoftmax(dim=-1)

    def forward(self, X):
        X = torch.relu(self.dense0(X))
        X = torch.relu(self.dense1(X))
        return self.out_act(self.output(X))


net = NeuralNetClassifier(
    Module,
    criterion=nn.NLLLoss,
    optimizer=torch.optim.Adam,
    lr=2e-3,
    max_epochs=12,
    batch_size=64,
    iterator_train__shuffle=True,
    verbose=0,
)
net.fit(X[:1000], y[:1000])
for row in net.history[::3]:
    print(f"epoch {row['epoch']} train_loss {row['train_loss']:.4f} valid_loss {row['valid_loss']:.4f} valid_acc {row['valid_acc']:.3f}")
print(f"test accuracy {net.score(X[1000:], y[1000:]):.3f}")
