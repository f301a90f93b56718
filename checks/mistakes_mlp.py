"""Mistakes of the multi-layer perceptron's step, with their wrong twins."""

import numpy as np

from checks.entry import Entry
from checks.mistakes_linear import sigmoid
from checks.twins import identity, relu, softmax

# Derivatives that are not relu's: (z, h, back) -> what goes back is multiplied by it.
SLOPES = [
    lambda z, h, back: np.ones_like(z),
    lambda z, h, back: h,
    lambda z, h, back: z,
    lambda z, h, back: (z <= 0).astype(float),
    lambda z, h, back: h * (1 - h),
    lambda z, h, back: sigmoid(z) * (1 - sigmoid(z)),
    lambda z, h, back: sigmoid(h) * (1 - sigmoid(h)),
    lambda z, h, back: 1 - h**2,
    lambda z, h, back: 1 - np.tanh(z) ** 2,
    lambda z, h, back: 1 - np.tanh(h) ** 2,
    lambda z, h, back: (back > 0).astype(float),
    lambda z, h, back: (back > 0) * (z > 0).astype(float),
    lambda z, h, back: np.sign(z),
    lambda z, h, back: np.where(z > 0, 1, 0.01),
    lambda z, h, back: np.full_like(z, float(np.any(z > 0))),
    lambda z, h, back: np.full_like(z, float(np.all(z > 0))),
    lambda z, h, back: np.full_like(z, float(z[0] > 0)),
    lambda z, h, back: np.where(z > 0, 1, -1),
    lambda z, h, back: np.zeros_like(z),
]


def leaky(z):
    return np.where(z > 0, z, 0.01 * z)


def leaky_slope(z, h, back):
    return np.where(z > 0, 1, 0.01)


def softplus(z):
    return np.log1p(np.exp(z))


def hidden_softmax(z):
    return softmax(z)


NO_ACTIVATION = [
    {"activation": identity, "slope": lambda z, h, back: np.ones_like(z)},
    {"activation": identity},
]
OTHER_ACTIVATIONS = [
    {"activation": np.tanh, "slope": lambda z, h, back: 1 - h**2},
    {"activation": sigmoid, "slope": lambda z, h, back: h * (1 - h)},
    {"activation": leaky, "slope": leaky_slope},
    {"activation": softplus, "slope": lambda z, h, back: sigmoid(z)},
    {"activation": hidden_softmax, "slope": lambda z, h, back: h * (1 - h)},
    {"activation": np.tanh},
    {"activation": sigmoid},
    {"activation": np.abs, "slope": lambda z, h, back: np.sign(z)},
    {"activation": leaky},
]

# Biases' gradients that are one number for all units.
COLLAPSED = [
    lambda error: np.full_like(error, error.sum()),
    lambda error: np.full_like(error, error.mean()),
    lambda error: np.full_like(error, error[0]),
    lambda error: np.full_like(error, error[-1]),
    lambda error: np.concatenate([error[:1], np.zeros(len(error) - 1)]),
    lambda error: np.zeros_like(error),
]

BACKWARD = [
    {"error": lambda p, target, loss: loss * (p - target)},
    {"error": lambda p, target, loss: np.full_like(p, loss)},
    {"error": lambda p, target, loss: loss * p},
    {"error": lambda p, target, loss: loss * target},
    {"error": lambda p, target, loss: -loss * target},
    {"error": lambda p, target, loss: p * (1 - p) * (p - target)},
    {"error": lambda p, target, loss: p * (1 - p) * loss},
    {"error": lambda p, target, loss: p * (p - target)},
    {"error": lambda p, target, loss: 2 * (p - target)},
    {"back_weights": lambda weights, new_W2, dW2: new_W2},
]

TABLE = [
    Entry(
        "bias_grad_wrong",
        "wrong",
        "The gradient of the biases is one number for all units",
        "Each unit's bias has a gradient of its own, the error at that unit. Summed over the units, "
        "or taken from one of them, it moves all biases alike.",
        "What shape does the bias have, and what shape its gradient? Over which axis is it summed?",
        {
            "mlp": [
                *[{"bias_gradient_1": f} for f in COLLAPSED],
                *[{"bias_gradient_2": f} for f in COLLAPSED],
                *[{"bias_gradient_1": f, "bias_gradient_2": f} for f in COLLAPSED],
            ]
        },
    ),
    Entry(
        "forward_bias_wrong",
        "wrong",
        "The hidden units all get one unit's bias",
        "In training the first number of b1 is added to every hidden unit, so the biases of the "
        "others are trained and never used.",
        "Print the shapes of W1 x and of b1 where they are added.",
        {
            "mlp": [
                {"hidden_bias": lambda b: np.full_like(b, b[0])},
                {"hidden_bias": lambda b: np.full_like(b, b[-1])},
                {"hidden_bias": lambda b: np.full_like(b, b.sum())},
                {"hidden_bias": np.zeros_like},
            ]
        },
    ),
    Entry(
        "relu_grad_wrong",
        "wrong",
        "The derivative of relu is not relu's",
        "Going back through relu, the error passes where the unit was above 0 and stops where it "
        "was not. Here something else is multiplied in, so W1 and b1 get another gradient.",
        "What is the slope of max(z, 0) at z = 3, and at z = -3?",
        {"mlp": [{"slope": slope} for slope in SLOPES]},
    ),
    Entry(
        "no_hidden_activation",
        "wrong",
        "The hidden layer has no activation",
        "Without a nonlinear function between them, two linear layers are one linear layer: the "
        "network can say no more than logistic regression.",
        "What stands between W1 x + b1 and W2?",
        {"mlp": NO_ACTIVATION},
    ),
    Entry(
        "wrong_activation",
        "wrong",
        "Another activation than relu",
        "The hidden units are not max(z, 0), so the network is another one than was asked for.",
        "Which function does the handout name for the hidden layer?",
        {"mlp": OTHER_ACTIVATIONS},
    ),
    Entry(
        "relu_on_output",
        "wrong",
        "relu is applied to the output scores",
        "Negative scores are cut to 0 before the softmax. Classes below 0 become equal, and no "
        "error tells them apart.",
        "After which layers does the activation come?",
        {
            "mlp": [
                {"output": relu},
                {"output": relu, "output_slope": lambda scores: (scores > 0).astype(float)},
            ]
        },
    ),
    Entry(
        "grad_wrong_activation",
        "wrong",
        "The gradient of W2 uses relu's derivative, not the hidden units",
        "The gradient of W2 is the error times what W2 was multiplied with, the values of the "
        "hidden units; here their derivative stands in its place.",
        "W2 is multiplied with h going forward. With what is the error multiplied going back?",
        {
            "mlp": [
                {"second_input": lambda z, h: (h > 0).astype(float)},
                {"second_input": lambda z, h: z},
                {"second_input": lambda z, h: np.ones_like(h)},
            ]
        },
    ),
    Entry(
        "backward_wrong",
        "wrong",
        "The backward pass is not the gradient",
        "What goes back is not the derivative of the loss (such as where the loss itself is "
        "multiplied in, or where W2 has changed before the error goes through it), so the steps do "
        "not follow the loss.",
        "Compare with a numerical gradient: change one weight by 1e-5 and look at the loss.",
        {"mlp": BACKWARD},
    ),
]
