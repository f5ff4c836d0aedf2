"""The reference trainer: a request that the contract accepts can really be trained, on a CPU.

Not Stable Diffusion: a small diffusion model with the training procedure of DreamBooth and LoRA. Nothing
here is imported but by `loracle train` and `loracle serve --trainer reference`.
"""
