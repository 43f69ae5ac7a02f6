#!/usr/bin/env bash
# On CPU, XLA stores the activations of a residual network and computes them again all the same, from the first block on.
#
# Versions:  Python 3.11; jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: six blocks x = relu(x + conv(x)). Each block's output is an argument of a convolution, so it is in memory. The
#            gradient of a kernel needs it transposed, and there XLA does not read what is stored: the loop that transposes
#            holds all sums and ReLUs since the input, from the outputs of all convolutions before it. The number of ReLUs
#            in the compiled step grows with the square of the number of blocks. An optimization barrier changes nothing, nor
#            does a policy of `jax.checkpoint` that saves all. Behind a condition that never holds, as XLA cannot know, each
#            is computed once. Values are the same.
# A guess:   outside of `jax.checkpoint` the backward pass reads what the forward pass has stored; least of all would a step
#            do more the deeper the network is, per block.
# For users: a step on a CPU is slower than its convolutions, by a fourth for a ResNet-20 with batches of 128, and a profile
#            shows it as transposes. The condition costs a copy. rosalind's residual networks have it in training.
#
# Output seen (ReLUs in the compiled step):
