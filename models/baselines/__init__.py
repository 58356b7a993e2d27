"""Published methods that MG-FM is compared with, each in plain PyTorch from its paper."""
