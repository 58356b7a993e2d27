"""What every baseline has to do: learn one batch by heart."""

import torch

from models.speed import random_batch


def labelled_batch(n=6, frames=16, joints="natops8"):
    """Random walks of three classes."""
    torch.manual_seed(0)
    batch = random_batch(n, frames, joints)
    batch.labels = torch.arange(n) % 3
    return batch


def learn(model, inputs, steps, lr=2e-3):
    """Losses of so many steps on the same inputs."""
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr)
    losses = []
    for step in range(steps):
        torch.manual_seed(step % 2)
        optimiser.zero_grad()
        loss = model(inputs)["loss"]
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses
