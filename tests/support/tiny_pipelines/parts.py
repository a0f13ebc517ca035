"""Parts that several tiny pipelines share: tokenizers without a vocabulary, encoders, autoencoders.

Random weights; the same seed gives the same part on every machine.
"""

from __future__ import annotations

from typing import Any

import diffusers
import torch
import transformers

# Neither library's annotations know what its lazy modules hold.
library: Any = diffusers
text_library: Any = transformers

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def clip_tokenizer() -> Any:
    """A tokenizer in which every byte is a token, so that any prompt works without a vocabulary."""
    letters = _byte_letters()
    tokens = [*letters, *(f"{letter}</w>" for letter in letters)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    return text_library.CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77)


def t5_tokenizer() -> Any:
    """One token a printable character."""
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    letters = [(chr(code), -3.0) for code in range(33, 127)]
    return text_library.T5Tokenizer(vocab=special + letters, extra_ids=0)


def qwen_tokenizer() -> Any:
    """One token a byte, and the marks of a chat."""
    tokens = [*_byte_letters(), "<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = text_library.Qwen2Tokenizer(
        vocab={token: index for index, token in enumerate(tokens)}, merges=[]
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def clip_text_encoder(seed: int, *, projects: bool = False, hidden_size: int = 16) -> Any:
    """CLIP's text encoder, with or without the projection."""
    config = text_library.CLIPTextConfig(
        vocab_size=514,
        bos_token_id=512,
        eos_token_id=513,
        pad_token_id=513,
        hidden_size=hidden_size,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        projection_dim=hidden_size,
        max_position_embeddings=77,
    )
    model = text_library.CLIPTextModelWithProjection if projects else text_library.CLIPTextModel
    torch.manual_seed(seed)
    return model(config).eval()


def t5_encoder(seed: int) -> Any:
    """T5's encoder, 32 wide."""
    torch.manual_seed(seed)
    return text_library.T5EncoderModel(
        text_library.T5Config(vocab_size=98, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4)
    ).eval()


def qwen3_encoder(seed: int, layers: int) -> Any:
    """Qwen3, 16 wide; pipelines read the hidden states of certain layers."""
    torch.manual_seed(seed)
    config = text_library.Qwen3Config(
        vocab_size=259,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=1024,
    )
    return text_library.Qwen3ForCausalLM(config).eval()


def kl_autoencoder(seed: int, **changes: Any) -> Any:
    """An autoencoder with four levels, so that sizes shrink by eight as in the real one."""
    return _autoencoder(library.AutoencoderKL, seed, **changes)


def flux2_autoencoder(seed: int) -> Any:
    """Likewise, with the statistics of patches that FLUX.2 norms its latents by."""
    return _autoencoder(library.AutoencoderKLFlux2, seed, latent_channels=4)


def flow_scheduler() -> Any:
    """The scheduler of flow matching models, shifted by the picture's size."""
    return library.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)


def _autoencoder(model: Any, seed: int, **changes: Any) -> Any:
    settings = {
        "block_out_channels": (8, 8, 8, 8),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "layers_per_block": 1,
        "norm_num_groups": 2,
        "latent_channels": 4,
        "mid_block_add_attention": False,
        "sample_size": 512,
    }
    torch.manual_seed(seed)
    return model(**(settings | changes)).eval()


def _byte_letters() -> list[str]:
    """The letter that stands for each byte: itself if printable, else one past the bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = len(set(range(256)) - set(printable))
    return [chr(code) for code in (*printable, *range(256, 256 + others))]
