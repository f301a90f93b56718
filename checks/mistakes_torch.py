"""Mistakes of Question 2, in PyTorch."""

from checks.entry import Entry

TABLE = [
    Entry(
        "softmax_before_ce",
        "wrong",
        "The model ends in a softmax",
        "nn.CrossEntropyLoss has the softmax in it and expects logits. With two softmaxes in a row "
        "the largest probability it can see is small, and the gradients shrink.",
        "What does the documentation of nn.CrossEntropyLoss say of its input?",
    ),
    Entry(
        "sigmoid_before_ce",
        "wrong",
        "The model ends in a sigmoid",
        "nn.CrossEntropyLoss expects logits of any size. Numbers between 0 and 1 can never say that "
        "one class is sure.",
        "What does the documentation of nn.CrossEntropyLoss say of its input?",
    ),
    Entry(
        "torch_lr_crash",
        "wrong",
        "LogisticRegression.forward fails for any input",
        "The forward pass raises an error whatever it is given.",
        "Call the model on two examples by hand and read the last line of the error.",
    ),
    Entry(
        "layers_minus_one",
        "wrong",
        "One hidden layer fewer than `layers`",
        "The number of hidden layers is one less than asked for, so a network of 2 layers is one of "
        "1, and all experiments with -layers are shifted.",
        "Count the hidden layers for layers=1, 2, 3.",
    ),
    Entry(
        "layers_plus_one",
        "wrong",
        "One hidden layer more than `layers`",
        "The number of hidden layers is one more than asked for, so all experiments with -layers "
        "are shifted.",
        "Count the hidden layers for layers=1, 2, 3.",
    ),
    Entry(
        "layers_ignored",
        "wrong",
        "The number of hidden layers is fixed",
        "`layers` has no effect: the network has the same depth whatever is asked for.",
        "Where does `layers` enter the constructor?",
    ),
    Entry(
        "layers_limited",
        "fragile",
        "Only some values of `layers` work",
        "For other numbers of hidden layers it fails or builds another network.",
        "A loop over range(...) works for every number.",
    ),
    Entry(
        "layers_zero",
        "deviation",
        "layers=0 or layers=1 is treated specially",
        "Small numbers of layers have a branch of their own.",
        "Nothing to change.",
    ),
    Entry(
        "tanh_unsupported",
        "wrong",
        'activation_type "tanh" fails',
        "The handout's option -activation tanh ends in an error.",
        "Which values can activation_type have?",
    ),
    Entry(
        "activation_ignored",
        "wrong",
        "activation_type is ignored",
        "The hidden layers (or some of them) use one activation whatever is asked for.",
        "Where does activation_type enter forward?",
    ),
    Entry(
        "activation_missing",
        "wrong",
        "A hidden layer has no activation",
        "Two linear layers with nothing between them are one linear layer.",
        "What stands between each two linear layers?",
    ),
    Entry(
        "activation_twice",
        "wrong",
        "The activation is applied twice",
        "For relu that changes nothing; tanh(tanh(z)) is another function.",
        "Follow one hidden layer's output through forward.",
    ),
    Entry(
        "activation_on_output",
        "wrong",
        "The activation is applied to the output",
        "The logits are cut or squeezed before the loss sees them.",
        "After which layers does the activation come?",
    ),
    Entry(
        "dropout_missing_hidden",
        "wrong",
        "A hidden layer has no dropout",
        "Dropout belongs after each hidden layer; here one (or all) goes without.",
        "Count the dropouts for layers=1, 2, 3.",
    ),
    Entry(
        "dropout_on_input",
        "wrong",
        "Dropout is applied to the input",
        "Features of the images are left out; only hidden units should be.",
        "What does the first dropout get?",
    ),
    Entry(
        "dropout_on_output",
        "wrong",
        "Dropout is applied to the output",
        "A class whose logit is dropped gets the logit 0, and the loss is wrong by chance.",
        "What does the last dropout get?",
    ),
    Entry(
        "dropout_in_eval",
        "wrong",
        "Dropout stays on in evaluation",
        "The functional dropout drops units unless it is told not to, so predictions are random "
        "even after model.eval().",
        "What does F.dropout's argument `training` stand at by default?",
    ),
    Entry(
        "dropout_before_activation",
        "fragile",
        "Dropout comes before the activation",
        "For relu the result is the same; in general the order is linear, activation, dropout.",
        "In which order does the handout name them?",
    ),
    Entry(
        "shared_hidden_layer",
        "wrong",
        "One layer is used for all hidden-to-hidden steps",
        "The same weights are applied again and again, so from 3 hidden layers on the network has "
        "fewer parameters than it should.",
        "How many linear layers does the constructor make, and how many does forward use?",
    ),
    Entry(
        "params_not_registered",
        "wrong",
        "Layers are kept where PyTorch does not see them",
        "Layers in a plain list or dict are missing from parameters(), so the optimiser never "
        "changes them.",
        "Print len(list(model.parameters())).",
    ),
    Entry(
        "loss_tensor_returned",
        "wrong",
        "train_batch returns a tensor",
        "A loss tensor keeps the whole graph of its batch alive, and is no number.",
        "The skeleton's docstring names the method that makes a tensor a number.",
    ),
    Entry(
        "criterion_ignored",
        "wrong",
        "train_batch uses a loss of its own",
        "The criterion that is given has no effect.",
        "Where does the argument criterion appear in the body?",
    ),
    Entry(
        "extra_l2_in_loss",
        "wrong",
        "train_batch adds a penalty to the loss",
        "The squared weights are added without being asked for, beside the optimiser's own "
        "weight_decay.",
        "Which option of the optimiser does this already?",
    ),
    Entry(
        "optional_l2_in_loss",
        "deviation",
        "train_batch can add a penalty to the loss",
        "Off by default; with l2_decay passed it adds to the optimiser's weight_decay.",
        "Nothing to change.",
    ),
    Entry(
        "tb_needs_model_attrs",
        "wrong",
        "train_batch works with its own model only",
        "It uses attributes that only the submission's LogisticRegression has, so it fails with "
        "another model.",
        "What can be asked of every nn.Module?",
    ),
    Entry(
        "conv_init_unscaled",
        "deviation",
        "The weights do not start as nn.Linear's",
        "They are drawn with standard deviation 1, or zero; the first epochs' numbers differ.",
        "Nothing to change, but do not expect the published digits.",
    ),
    Entry(
        "parameterlist_of_modules",
        "deviation",
        "nn.ParameterList holds modules",
        "Recent versions of PyTorch allow it, older ones raise TypeError.",
        "There is a list for modules.",
    ),
]
