#!/usr/bin/env bash
# PQuant's continuous sparsification halves every weight that it keeps when it fixes the masks, after the last epoch of training.
#
# Versions:  Python 3.11; pquant-ml 0.1.0, torch 2.13.0, keras 3.15.1, numpy 2.4.6, CPU.
# Behaviour: while it trains, a weight counts sigmoid(beta * s) / sigmoid(s0) times, s0 being `threshold_init`; beta grows to 200, so
#            that for the default s0 of 0 the weights that are kept count twice. `train_model` then sets the mask to s > 0, which
#            is 0 or 1: each layer's output is halved, biases stay, and so the output of L layers falls by 2 ** L. The paper's own
#            code multiplies the fixed mask by the same factor. `autosparse` trains on weights that are moved toward 0 by its
#            threshold, and goes on with those that are not. There is no warning; the count of weights kept is right.
# A guess:   at the end of training the soft mask has become the hard one, so that fixing it changes nothing.
# For users: what the last epoch validated is not the network that is returned, and without fine-tuning epochs it stays so.
#            Batch norm behind a layer does not see it in training, in evaluation its running averages are of the doubled
#            one. Compared at equal sparsity this method looks bad, and its fragility to noise, which the biases decide, is that of
#            the bug. Multiply the weights by 1 / sigmoid(s0) before `apply_final_compression`. rosalind has no soft masks: a
#            weight is kept as it is, or 0.
#
