import torch
from torch import nn

torch.manual_seed(0)
embed, head = nn.Embedding(11, 32), nn.Linear(32, 11)
block = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
body = nn.TransformerEncoder(block, 1, enable_nested_tensor=False)
parameters = [*embed.parameters(), *body.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=3e-3)
hidden = nn.Transformer.generate_square_subsequent_mask(12)

for step in range(150):
    start, stride = torch.randint(11, (64, 1)), torch.randint(1, 11, (64, 1))
    tokens = (start + stride * torch.arange(13)) % 11
    optimizer.zero_grad()
    h = body(embed(tokens[:, :-1]))  # bad
    h = body(embed(tokens[:, :-1]), mask=hidden, is_causal=True)  # good
    loss = nn.functional.cross_entropy(head(h).flatten(0, 1), tokens[:, 1:].flatten())
    loss.backward()
    optimizer.step()
