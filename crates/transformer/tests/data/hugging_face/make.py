#!/usr/bin/env python3
"""Writes the folders gpt2/ and llama/ beside this file, and expected.json: tiny random models as Hugging Face's library saves them,
and what it computes with them.

    pip install torch transformers tokenizers safetensors
    python make.py

The weights are large enough to say something (the usual initial ones give every token the same probability), and each of the
settings that models differ in is another than the usual one, so that a reader who leaves it out is found out.
"""

import json
import pathlib

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
TEXT = "the cat sat on the mat and the rat sat on the hat that the cat had on the mat"
PROMPT = "the cat and the"
# A seventh of the words end a text, so that texts of every length compete.
ENDS = list(range(0, 280, 7))

tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
trainer = trainers.BpeTrainer(vocab_size=280, special_tokens=["<|endoftext|>"], show_progress=False,
                              initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
tokenizer.train_from_iterator([TEXT], trainer)
words = tokenizer.get_vocab_size()
ids = tokenizer.encode(PROMPT).ids

torch.manual_seed(5)
gpt2 = GPT2LMHeadModel(GPT2Config(
    vocab_size=words, n_positions=24, n_embd=16, n_layer=2, n_head=2, layer_norm_epsilon=1e-3,
    activation_function="gelu_new", bos_token_id=0, eos_token_id=0))
llama = LlamaForCausalLM(LlamaConfig(
    vocab_size=words, hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=24, rms_norm_eps=1e-3, tie_word_embeddings=False,
    rope_parameters={"rope_theta": 500.0, "rope_type": "default"}, bos_token_id=0, eos_token_id=0))

expected = {"made_by": f"transformers {transformers.__version__}, PyTorch {torch.__version__.split('+')[0]}",
            "prompt": PROMPT, "ids": ids, "ends": ENDS}
for name, model in (("gpt2", gpt2), ("llama", llama)):
    model = model.eval()
    with torch.no_grad():
        for own, parameter in model.named_parameters():
            # With large tied embeddings, a token would be followed by itself. Rounded to bfloat16, in which they are saved.
            noise = (0.15 if "wte" in own else 0.6) * torch.randn(parameter.shape)
            parameter.copy_((noise + (1 if "norm" in own or "ln_" in own and "weight" in own else 0)).bfloat16())
        logits = model(torch.tensor([ids])).logits[0]
        greedy = model.generate(torch.tensor([ids]), max_new_tokens=8, do_sample=False, pad_token_id=0)[0, len(ids):]
        beams = []
        for k in (2, 3, 5):
            for penalty in (0.0, 1.0, 2.0):
                out = model.generate(
                    torch.tensor([ids]), max_new_tokens=8, do_sample=False, num_beams=k, length_penalty=penalty,
                    eos_token_id=ENDS, pad_token_id=0, output_scores=True, return_dict_in_generate=True)
                text = out.sequences[0, len(ids):].tolist()
                text = text[:next((i for i, word in enumerate(text) if word in ENDS), len(text))]
                beams.append({"beams": k, "penalty": penalty, "ids": text, "score": out.sequences_scores[0].item()})
    folder = HERE / name
    model.to(torch.bfloat16).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    expected[name] = {"logits": [[round(x, 6) for x in row] for row in logits.tolist()],
                      "greedy": greedy.tolist(), "beams": beams}
tokenizer.save(str(HERE / "llama" / "tokenizer.json"))
tokenizer.model.save(str(HERE / "gpt2"))
(HERE / "expected.json").write_text(json.dumps(expected) + "\n")
