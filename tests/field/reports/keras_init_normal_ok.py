import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

keras.utils.set_random_seed(0)
images, labels = load_digits(return_X_y=True)
images = (images / 16.0).astype("float32").reshape(-1, 8, 8, 1)
x_train, y_train, x_val, y_val = images[:1400], labels[:1400], images[1400:], labels[1400:]

act = "relu"
init = keras.initializers.HeNormal(seed=0)
model = keras.Sequential()
model.add(keras.Input((8, 8, 1)))
model.add(layers.Conv2D(16, 3, kernel_initializer=init, activation=act))
model.add(layers.Conv2D(16, 3, kernel_initializer=init, activation=act))
model.add(layers.Flatten())
for width in (64, 64, 64):
    model.add(layers.Dense(width, kernel_initializer=init, activation=act))
model.add(layers.Dense(10, kernel_initializer=init, activation="softmax"))
model.compile(optimizer=keras.optimizers.SGD(0.05, momentum=0.9), loss="sparse_categorical_crossentropy", metrics=["accuracy"])

history = model.fit(x_train, y_train, batch_size=64, epochs=8, validation_data=(x_val, y_val), verbose=0)
for e, (loss, acc, val) in enumerate(zip(history.history["loss"], history.history["accuracy"], history.history["val_accuracy"])):
    print(f"Epoch {e + 1}: loss {loss:.4f} acc {acc:.3f} val_acc {val:.3f}")
print("distinct predictions:", len(np.unique(model.predict(x_val, verbose=0).argmax(1))))
