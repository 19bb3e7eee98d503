//! Layers, losses and optimisers against PyTorch, whose numbers the scripts in `tools/torch/nn` wrote into the files here.

mod fixture;
mod layers;
mod losses;
mod optimisers;
mod sequences;
