import argparse
import time

import matplotlib.pyplot as plt
import numpy as np

import utils


class LinearModel(object):
    def __init__(self, n_classes, n_features, **kwargs):
        self.params = {'W': np.zeros((n_classes, n_features))}

    @property
    def W(self):
        return self.params['W']

    def scores(self, X):
        return np.einsum('cf,nf->nc', self.W, np.atleast_2d(X))

    def train_epoch(self, X, y, **kwargs):
        for idx, x_i in enumerate(X):
            self.update_weight(x_i, y[idx], **kwargs)

    def predict(self, X):
        return self.scores(X).argmax(axis=1)

    def evaluate(self, X, y):
        return float(np.mean(self.predict(X) == y))


class Perceptron(LinearModel):
    def update_weight(self, x_i, y_i, **kwargs):
        y_hat = self.predict(x_i).item()
        # when y_hat == y_i both terms cancel
        self.params['W'][y_i] += x_i
        self.params['W'][y_hat] -= x_i


class LogisticRegression(LinearModel):
    def update_weight(self, x_i, y_i, learning_rate=0.001, l2_penalty=0.0, **kwargs):
        s = self.scores(x_i)[0]
        log_z = np.logaddexp.reduce(s)
        probs = np.exp(s - log_z)
        onehot = np.eye(len(s))[y_i]
        grads = {'W': np.einsum('c,f->cf', probs - onehot, x_i)}
        grads['W'] += l2_penalty * self.params['W']
        for name in self.params:
            self.params[name] = self.params[name] - learning_rate * grads[name]


class MLP(object):
    def __init__(self, n_classes, n_features, hidden_size):
        self.params = {
            'W1': np.random.normal(0.1, 0.1, (hidden_size, n_features)),
            'b1': np.zeros(hidden_size),
            'W2': np.random.normal(0.1, 0.1, (n_classes, hidden_size)),
            'b2': np.zeros(n_classes),
        }

    def forward(self, x):
        cache = {'x': x}
        cache['z1'] = self.params['W1'] @ x + self.params['b1']
        cache['h1'] = np.clip(cache['z1'], 0, None)
        cache['z2'] = self.params['W2'] @ cache['h1'] + self.params['b2']
        shifted = cache['z2'] - np.max(cache['z2'])
        cache['p'] = np.exp(shifted) / np.exp(shifted).sum()
        return cache

    def backward(self, cache, y_i):
        g = {}
        delta2 = cache['p'].copy()
        delta2[y_i] -= 1
        g['W2'] = np.einsum('i,j->ij', delta2, cache['h1'])
        g['b2'] = delta2
        delta1 = (self.params['W2'].T @ delta2) * np.heaviside(cache['z1'], 0)
        g['W1'] = np.einsum('i,j->ij', delta1, cache['x'])
        g['b1'] = delta1
        return g

    def predict(self, X):
        return np.array([self.forward(x)['p'].argmax() for x in X])

    def evaluate(self, X, y):
        return float(np.mean(self.predict(X) == y))

    def train_epoch(self, X, y, learning_rate=0.001, **kwargs):
        losses = []
        for x_i, y_i in zip(X, y):
            cache = self.forward(x_i)
            losses.append(-np.log(np.clip(cache['p'][y_i], 1e-12, 1.0)))
            grads = self.backward(cache, y_i)
            for name, grad in grads.items():
                self.params[name] -= learning_rate * grad
        return np.mean(losses)


def plot(epochs, train_accs, val_accs, filename=None):
    plt.xlabel('Epoch')
    plt.ylabel('Accuracy')
    plt.plot(epochs, train_accs, label='train')
    plt.plot(epochs, val_accs, label='validation')
    plt.legend()
    if filename:
        plt.savefig(filename)
    plt.show()


def plot_loss(epochs, loss, filename=None):
    plt.xlabel('Epoch')
    plt.ylabel('Loss')
    plt.plot(epochs, loss, label='train')
    plt.legend()
    if filename:
        plt.savefig(filename)
    plt.show()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('model', choices=['perceptron', 'logistic_regression', 'mlp'],
                        help="Which model should the script run?")
    parser.add_argument('-epochs', default=20, type=int)
    parser.add_argument('-hidden_size', type=int, default=100)
    parser.add_argument('-learning_rate', type=float, default=0.001)
    parser.add_argument('-l2_penalty', type=float, default=0.0)
    parser.add_argument('-data_path', type=str, default='intel_landscapes.npz')
    opt = parser.parse_args()

    utils.configure_seed(seed=42)

    add_bias = opt.model != "mlp"
    data = utils.load_dataset(data_path=opt.data_path, bias=add_bias)
    train_X, train_y = data["train"]
    dev_X, dev_y = data["dev"]
    test_X, test_y = data["test"]
    n_classes = np.unique(train_y).size
    n_feats = train_X.shape[1]

    if opt.model == 'perceptron':
        model = Perceptron(n_classes, n_feats)
    elif opt.model == 'logistic_regression':
        model = LogisticRegression(n_classes, n_feats)
    else:
        model = MLP(n_classes, n_feats, opt.hidden_size)

    epochs = np.arange(1, opt.epochs + 1)
    train_loss, train_accs, valid_accs = [], [], []
    start = time.time()
    print('initial train acc: {:.4f} | initial val acc: {:.4f}'.format(
        model.evaluate(train_X, train_y), model.evaluate(dev_X, dev_y)))

    for i in epochs:
        print('Training epoch {}'.format(i))
        order = np.random.permutation(train_X.shape[0])
        train_X = train_X[order]
        train_y = train_y[order]
        loss = model.train_epoch(train_X, train_y, learning_rate=opt.learning_rate,
                                 l2_penalty=opt.l2_penalty)
        train_accs.append(model.evaluate(train_X, train_y))
        valid_accs.append(model.evaluate(dev_X, dev_y))
        if opt.model == 'mlp':
            train_loss.append(loss)
            print('loss: {:.4f} | '.format(loss), end='')
        print('train acc: {:.4f} | val acc: {:.4f}'.format(train_accs[-1], valid_accs[-1]))

    minutes, seconds = divmod(int(time.time() - start), 60)
    print('Training took {} minutes and {} seconds'.format(minutes, seconds))
    print('Final test acc: {:.4f}'.format(model.evaluate(test_X, test_y)))
    plot(epochs, train_accs, valid_accs, filename=f"Q1-{opt.model}-accs.pdf")
    if opt.model == 'mlp':
        plot_loss(epochs, train_loss, filename=f"Q1-{opt.model}-loss.pdf")


if __name__ == '__main__':
    main()
