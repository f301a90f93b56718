"""Mistakes of Question 1 that are seen in an epoch, in predictions, initial weights or a crash."""

from checks.entry import deviation, wrong

TABLE = [
    wrong(
        "full_batch",
        "One step for the whole data set in place of one per example",
        "train_epoch computes the gradient of all examples together and steps once. After 20 epochs "
        "the weights have taken 20 steps, not 20 times the number of examples, and have hardly "
        "learned.",
        "How often does the line that updates the weights run in one epoch?",
    ),
    wrong(
        "early_return",
        "The epoch ends after its first example",
        "A return stands inside the loop over the examples, so all others are never seen.",
        "How far is the return indented?",
    ),
    wrong(
        "one_sample_epoch",
        "An epoch uses one example only",
        "train_epoch takes a single example of the data and steps once.",
        "One epoch is one pass over all examples.",
    ),
    wrong(
        "init_wrong",
        "The weights are not drawn from N(0.1, 0.1^2)",
        "The handout asks for weights with mean 0.1 and standard deviation 0.1. Training starts "
        "elsewhere, and the numbers reached are others.",
        "np.random.normal takes the mean, the standard deviation (not the variance) and the shape.",
    ),
    wrong(
        "bias_init_nonzero",
        "The biases do not start at zero",
        "The handout asks for biases of zero; here they are drawn or constant.",
        "Which arrays are drawn, and which are zeros?",
    ),
    wrong(
        "predict_no_axis",
        "predict takes the largest score of the whole batch",
        "argmax without an axis looks through the flattened matrix and returns a single number, not "
        "a class for each example.",
        "Along which axis do the classes lie?",
    ),
    wrong(
        "exit_call",
        "The program is left in the middle",
        "exit() is called in training or prediction, so nothing after it runs.",
        "Search the file for exit.",
    ),
    wrong(
        "perc_crash",
        "Perceptron.update_weight fails for any input",
        "The method raises an error whatever it is given.",
        "Run one update by hand and read the last line of the error.",
    ),
    wrong(
        "lr_crash",
        "LogisticRegression.update_weight fails for any input",
        "The method raises an error whatever it is given.",
        "Run one update by hand and read the last line of the error.",
    ),
    wrong(
        "mlp_crash",
        "MLP.train_epoch or predict fails for any input",
        "The method raises an error whatever it is given.",
        "Run it on two examples by hand and read the last line of the error.",
    ),
    deviation(
        "conv_perc_lr",
        "The perceptron's step is scaled by the learning rate",
        "A convention: W is multiplied by the learning rate and the predictions are the same.",
        perceptron=[{"size": lambda rate: rate}],
    ),
    deviation(
        "conv_W_transposed",
        "The weights are stored as (n_features, n_out)",
        "A convention: the transposed matrix computes the same.",
    ),
    deviation(
        "lr_random_init",
        "Logistic regression starts from random weights",
        "The skeleton starts from zero, so the first epochs' numbers differ.",
        "Nothing to change, but do not expect the published digits.",
    ),
    deviation(
        "predict_contract",
        "predict does not return one label per example",
        "It returns a matrix or a tuple, or takes one example at a time; the program's own evaluate "
        "makes up for it. Whoever calls predict as the skeleton describes it gets something else.",
        "The skeleton's predict: X (n, n_features) -> (n,).",
    ),
    deviation(
        "predict_list",
        "predict returns a list",
        "Its values are right; an array compares with y without more ado.",
        "np.array makes one.",
    ),
    deviation(
        "predict_float",
        "predict returns labels as floats",
        "Their values are right, but floats cannot be used as indices.",
        "What is the dtype of the array the labels are put in?",
    ),
    deviation(
        "train_onehot",
        "train_epoch expects one-hot labels",
        "The program converts them before the call. Others call it with integer labels.",
        "The conversion could be inside.",
    ),
    deviation(
        "own_shuffle",
        "train_epoch shuffles the examples itself",
        "The program shuffles before each epoch already, so the order is another than others'.",
        "Nothing to change, but do not expect the published digits.",
    ),
    deviation(
        "ctor_extra_arg",
        "The constructor needs another argument than the skeleton's",
        "Called as the skeleton calls it, it fails.",
        "A default value would do.",
    ),
    deviation(
        "requires_kwargs",
        "update_weight fails without its hyperparameters",
        "Called with an example and its label alone, it fails.",
        "A default value would do.",
    ),
    deviation(
        "state_in_train_epoch",
        "update_weight uses what train_epoch creates",
        "Called before train_epoch it fails, because an attribute does not exist yet.",
        "Attributes are best created in __init__.",
    ),
    deviation(
        "no_update_weight",
        "update_weight is not there; train_epoch does all",
        "The skeleton asks for the update of one example as a method of its own.",
        "Nothing to change in what is computed.",
    ),
    deviation(
        "own_bias_column",
        "The model adds a bias column of its own",
        "The skeleton's data already have one for the linear models.",
        "Nothing to change, but W is wider than others'.",
    ),
    deviation(
        "renamed_class",
        "A class is renamed",
        "Whoever imports it by the skeleton's name does not find it.",
        "The skeleton's names are Perceptron, LogisticRegression, MLP, FeedforwardNetwork.",
    ),
    deviation(
        "renamed_param",
        "A parameter is renamed",
        "Calls by the skeleton's keyword fail.",
        "Compare the signatures with the skeleton's.",
    ),
    deviation(
        "no_kwargs",
        "**kwargs is missing from a signature",
        "Calls that pass further options fail.",
        "Compare the signatures with the skeleton's.",
    ),
    deviation(
        "extra_arg",
        "A function needs an additional argument",
        "Called as the skeleton calls it, it fails.",
        "A default value would do.",
    ),
]
