"""The smallest numbers that show a mistake, to be followed with a pencil, as text and Markdown."""


def both(text):
    return {"text": text, "markdown": text}


def step(role, explanation, entry):
    return both("")


def epoch(role, explanation, scheme):
    return both("")


def unknown_step(role, right, steps, epochs):
    return ("A step gives other weights than the right one.", both(""))


def unknown_l2(pairs):
    return ("The penalty changes the weights in another way.", both(""))


def unknown_predictions(table, found, returned):
    return ("predict returns other classes.", both(""))


def unknown_loss(expected, value, epoch):
    return (f"The loss should be {expected:.6g} and is {value:.6g}.", both(""))


def l2(id):
    return both("")


def loss(id, twin):
    return both("")


def large_scores():
    return both("")


def log_zero():
    return both("")


def clipped():
    return both("")


def no_axis():
    return both("")


def global_maximum():
    return both("")


def initial(said):
    return both("")


def said(text):
    return both(text)


def softmax_twice():
    return both("")


sigmoid_before = unregistered = dropout_in_evaluation = own_criterion = softmax_twice
extra_penalty = tensor_returned = softmax_twice


def activation_on_output(name):
    return both("")


def activation(asked, name):
    return both("")


def depth(used):
    return both("")


def dropout_places(hidden, places):
    return both("")
