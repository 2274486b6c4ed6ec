import os
os.environ["KERAS_BACKEND"] = "torch"
import numpy as np
import keras
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(3)
X, y = load_breast_cancer(return_X_y=True)
X = (X - X.mean(0)) / X.std(0)
X_train, X_test, y_train, y_test = train_test_split(X.astype("float32"), y.astype("float32"), test_size=0.25, random_state=3)

inputs = keras.Input(shape=(30,))
h = keras.layers.Dense(64, activation="relu", name="hidden_1")(inputs)
h = keras.layers.Dense(64, activation="relu", name="hidden_2")(h)
h = keras.layers.Dense(32, activation="relu", name="hidden_3")(h)
outputs = keras.layers.Dense(1, activation="sigmoid", name="malignant")(h)
model = keras.Model(inputs, outputs)
LR = 1e-3
model.compile(optimizer=keras.optimizers.Adam(learning_rate=LR), loss="binary_crossentropy", metrics=["accuracy"])


class Tell(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch % 3 == 2:
            print(f"epoch {epoch + 1} loss {logs['loss']:.4f} acc {logs['accuracy']:.3f} val_loss {logs['val_loss']:.4f} val_acc {logs['val_accuracy']:.3f}")


model.fit(X_train, y_train, epochs=15, batch_size=32, validation_data=(X_test, y_test), verbose=0, callbacks=[Tell()])
p = model.predict(X_test, verbose=0).ravel()
print(f"predictions between {p.min():.4f} and {p.max():.4f}, share of the larger class {max(np.mean(y_test), 1 - np.mean(y_test)):.3f}")
