"""The reference trainer: a small, real DreamBooth-LoRA training on the CPU (extra `trainer`).

Nothing of it is imported by the mock's core; `loracle train` and `serve --trainer reference` load it.
"""
