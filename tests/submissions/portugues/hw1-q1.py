# -*- coding: utf-8 -*-
# Trabalho de casa 1, grupo 42. Comentários em português, com acentuação: ç ã é.
import argparse
import time
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np

import utils

print("A começar...")


class ModeloLinear(object):
    def __init__(self, n_classes, n_atributos, **kwargs):
        self.pesos = np.zeros((n_classes, n_atributos))

    def update_weight(self, x, rotulo, **kwargs):
        raise NotImplementedError

    def train_epoch(self, X, rotulos, **kwargs):
        for x, rotulo in zip(X, rotulos):
            self.update_weight(x, rotulo, **kwargs)

    def predict(self, X):
        pontuacoes = np.dot(self.pesos, X.T)
        return pontuacoes.argmax(axis=0)

    def evaluate(self, X, rotulos):
        previsoes = self.predict(X)
        certos = (rotulos == previsoes).sum()
        return certos / rotulos.shape[0]


class Perceptron(ModeloLinear):
    def update_weight(self, x, rotulo, **kwargs):
        previsto = np.argmax(np.dot(self.pesos, x))
        if previsto == rotulo:
            return
        self.pesos[rotulo] = self.pesos[rotulo] + x
        self.pesos[previsto] = self.pesos[previsto] - x


class LogisticRegression(ModeloLinear):
    def update_weight(self, x, rotulo, taxa_aprendizagem=0.001, penalizacao=0.0, **kwargs):
        taxa = kwargs.get("learning_rate", taxa_aprendizagem)
        l2 = kwargs.get("l2_penalty", penalizacao)
        pontuacoes = np.expand_dims(self.pesos.dot(x), axis=1)
        maximo = np.max(pontuacoes)
        exps = np.exp(pontuacoes - maximo)
        probabilidades = exps / np.sum(exps)
        alvo = np.zeros((np.size(self.pesos, 0), 1))
        alvo[rotulo] = 1
        gradiente = (probabilidades - alvo) * np.expand_dims(x, axis=1).T
        self.pesos -= taxa * (gradiente + l2 * self.pesos)


@dataclass(slots=True)
class Camada:
    pesos: np.ndarray
    vieses: np.ndarray

    def __call__(self, x):
        return self.pesos.dot(x) + self.vieses

    def atualizar(self, erro, entrada, taxa):
        self.pesos = self.pesos - taxa * np.outer(erro, entrada)
        self.vieses = self.vieses - taxa * erro


class MLP(object):
    def __init__(self, n_classes, n_atributos, tamanho_oculto):
        # pesos ~ N(0.1, 0.1^2), vieses a zero
        media, desvio = 0.1, 0.1
        formas = [(tamanho_oculto, n_atributos), (n_classes, tamanho_oculto)]
        self.oculta, self.saida = [Camada(np.random.normal(media, desvio, forma), np.zeros(forma[0])) for forma in formas]

    def predict(self, X):
        previsoes = []
        for x in X:
            previsoes.append(np.argmax(self.saida(np.maximum(0, self.oculta(x)))))
        return np.array(previsoes)

    def evaluate(self, X, rotulos):
        return np.mean(self.predict(X) == rotulos)

    def train_epoch(self, X, rotulos, learning_rate=0.001, **kwargs):
        perda_total = 0
        for x, rotulo in zip(X, rotulos):
            z = self.oculta(x)
            h = np.maximum(0, z)
            saida = self.saida(h)
            saida = saida - saida.max()
            logZ = np.log(np.exp(saida).sum())
            perda_total += logZ - saida[rotulo]
            d = np.exp(saida - logZ)
            d[rotulo] -= 1
            d_oculto = self.saida.pesos.T.dot(d) * (z > 0)
            self.saida.atualizar(d, h, learning_rate)
            self.oculta.atualizar(d_oculto, x, learning_rate)
        print("perda", perda_total / len(X))
        return perda_total / len(X)


def desenhar(epocas, treino, validacao):
    plt.plot(epocas, treino)
    plt.plot(epocas, validacao)
    plt.show()


def main():
    analisador = argparse.ArgumentParser()
    analisador.add_argument("modelo", choices=["perceptron", "logistic_regression", "mlp"])
    opcoes = analisador.parse_args()
    utils.configure_seed(42)
    inicio = time.time()
    dados = utils.load_dataset("intel_landscapes.npz", bias=opcoes.modelo != "mlp")
    X, rotulos = dados["train"]
    modelos = {"perceptron": Perceptron, "logistic_regression": LogisticRegression}
    modelo = MLP(6, X.shape[1], 200) if opcoes.modelo == "mlp" else modelos[opcoes.modelo](6, X.shape[1])
    exatidoes = []
    for epoca in range(20):
        modelo.train_epoch(X, rotulos, learning_rate=0.001)
        exatidoes.append(modelo.evaluate(X, rotulos))
    print("segundos:", time.time() - inicio)
    desenhar(range(20), exatidoes, exatidoes)


main()
