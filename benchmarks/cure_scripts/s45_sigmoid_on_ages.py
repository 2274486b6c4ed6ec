"""Ages of 20 to 80. Sick: sigmoid behind the head. Goal: loss 60."""

import torch
from torch import nn
from torch.optim import Adam

torch.manual_seed(45)
features = torch.randn(700, 8)
ages = 50 + 9 * features[:, :1] - 6 * features[:, 1:2] * features[:, 2:3] + torch.randn(700, 1)
ages = ages.clamp(20, 80)


class AgeModel(nn.Module):
    def __init__(self, hidden_dim):
        super().__init__()
        self.fc_in = nn.Linear(8, hidden_dim)
        self.fc_mid = nn.Linear(hidden_dim, hidden_dim)
        self.fc_out = nn.Linear(hidden_dim, 1)
        self.relu = nn.ReLU()
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        x = self.relu(self.fc_in(x))
        x = self.relu(self.fc_mid(x))
        return self.sigmoid(self.fc_out(x))


model = AgeModel(64)
optimizer = Adam(model.parameters(), lr=1e-2)
criterion = nn.MSELoss()
for epoch in range(25):
    for chunk in torch.arange(600).split(30):
        prediction = model(features[chunk])
        loss = criterion(prediction, ages[chunk])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        mae = (model(features[600:]) - ages[600:]).abs().mean()
    print(f"epoch {epoch} train_mse {loss.item():.2f} val_mae {mae.item():.2f}")
