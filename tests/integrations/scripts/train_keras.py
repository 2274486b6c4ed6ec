"""Digits with Keras 3 on torch; `--broken` puts a softmax before a loss that takes logits."""

import os
import sys

os.environ["KERAS_BACKEND"] = "torch"
import keras
from keras import layers
from sklearn.datasets import load_digits

keras.utils.set_random_seed(0)
digits = load_digits()
x = ((digits.data - digits.data.mean()) / digits.data.std()).astype("float32")
model = keras.Sequential(
    [
        layers.Input((64,)),
        layers.Dense(64, activation="relu"),
        layers.Dense(64),
        layers.Activation("relu"),
        layers.Dense(10, activation="softmax" if "--broken" in sys.argv else None),
    ]
)
model.compile(
    keras.optimizers.Adam(1e-3),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)
history = model.fit(x, digits.target, epochs=8, batch_size=32, validation_split=0.2, verbose=0)
print(f"loss {history.history['loss'][-1]:.6f}")
