"""Diffusion sampling whose denoiser is the picture's own patches: no weights, no prompt.

One idea a file: `pipeline` (what is called), `schedule` (noise levels), `stages` (at which sizes),
`sources` (what may be copied), `denoiser` (what a noisy neighborhood was), `sampling` (one region
from noise to offsets), `finishing` (offsets to full size), `preview`.
"""
