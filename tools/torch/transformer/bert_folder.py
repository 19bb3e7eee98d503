#!/usr/bin/env python3
"""Writes what Hugging Face's library computes with a BERT, for crates/transformer/tests/bert_folder.rs.

    pip install torch transformers tokenizers safetensors
    python bert_folder.py               # a tiny one with random weights, folder and all, for the repository
    python bert_folder.py FOLDER        # of a model in a folder, such as all-MiniLM-L6-v2; its tokenizer.json gives the tokens

Both write expected.json into the folder: tokens, types, padding, and what each token has become. Run the test with
GLASSBOX_BERT=FOLDER to hold that model to it.
"""

import json
import pathlib
import sys

import torch
import transformers
from transformers import BertConfig, BertModel

SENTENCES = ["The cat sat on the mat.", "A cat was sitting on a rug.", "To be, or not to be, that is the question.",
             "Gradient descent with a learning rate of 0.001 (AdamW)", "Ein Café in München, 20 °C"]

if len(sys.argv) > 1:
    from tokenizers import Tokenizer

    folder = pathlib.Path(sys.argv[1])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.enable_padding()
    all_encoded = tokenizer.encode_batch(SENTENCES)
    ids, types = [e.ids for e in all_encoded], [e.type_ids for e in all_encoded]
    padding = [[1 - seen for seen in e.attention_mask] for e in all_encoded]
    model = BertModel.from_pretrained(folder).eval()
else:
    folder = pathlib.Path(__file__).parents[3] / "crates/transformer/tests/data/hugging_face/bert"
    ids, types = [[3, 10, 0, 7, 7], [5, 1, 10, 0, 0]], [[0, 0, 1, 1, 1], [0, 0, 0, 0, 0]]
    padding = [[0, 0, 0, 0, 0], [0, 0, 0, 1, 1]]
    torch.manual_seed(5)
    model = BertModel(BertConfig(
        vocab_size=11, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12,
        max_position_embeddings=7, layer_norm_eps=1e-3)).eval()
    with torch.no_grad():
        # Large enough to say something, and rounded to bfloat16, in which they are saved.
        for name, p in model.named_parameters():
            scale = 1 if "LayerNorm.weight" in name else 0
            p.copy_((0.5 * torch.randn(p.shape) + scale).bfloat16())

with torch.no_grad():
    seen = 1 - torch.tensor(padding)
    x = model(torch.tensor(ids), attention_mask=seen, token_type_ids=torch.tensor(types)).last_hidden_state
if len(sys.argv) == 1:
    model.to(torch.bfloat16).save_pretrained(folder)
made_by = f"transformers {transformers.__version__}, PyTorch {torch.__version__.split('+')[0]}"
digits = [[[round(n, 6) for n in token] for token in text] for text in x.tolist()]
expected = {"made_by": made_by, "ids": ids, "types": types, "padding": padding, "hidden": digits}
(folder / "expected.json").write_text(json.dumps(expected) + "\n")
