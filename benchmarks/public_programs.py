"""The public programs that `programs.py` runs, and how each is made short.

`PROGRAMS` were looked at while the rules were written. `LATER` were listed, with their arguments,
before any of them had run under relume, and were run once for a claim.
"""

from dataclasses import dataclass

DEAD = ("ACT401", "ACT403")
"""247 of the 400 units of the VAE's first layer fire on none of its 6,000 pictures."""
TWICE = ("ACT208",)
"""A softmax in the network, and one in its cross-entropy: read off the source."""
GONE = ("ACT601",)
"""From step 9 on the gradient of the first embedding is below 1e-6, that of the last layers 0.1."""


@dataclass(frozen=True)
class Program:
    """One public program.

    Attributes:
        kind: what it trains.
        repository: `OWNER/NAME`.
        file: the script, from the repository's root; or a module of an installed package.
        arguments: words that make it short, on a CPU.
        steps: backward passes after which it is ended.
        data: the name of what is drawn for it (`DATA`).
        folder: where it is started, from the root; beside the script by default.
        before: a script of its own that is run first, from the same folder.
        drawn: its own targets are drawn at random, so "stalled" is true of it and no false alarm.
        environment: further variables.
        borne_out: codes that a count of our own has borne out, so they are no false alarm.
    """

    kind: str
    repository: str
    file: str
    arguments: str = ""
    steps: int = 400
    data: str = ""
    folder: str = ""
    before: str = ""
    environment: str = ""
    drawn: bool = False
    borne_out: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.repository.partition('/')[2]}/{self.file}"


JC, RL, PT = "jcjohnson/pytorch-examples", "seungeunrho/minimalRL", "pytorch/examples"
CLEAN, TCN = "vwxyzjn/cleanrl", "locuslab/TCN"
PROGRAMS = (
    Program("by hand", JC, "autograd/two_layer_net_autograd.py"),
    Program("by hand", JC, "autograd/two_layer_net_custom_function.py"),
    Program("by hand", JC, "nn/two_layer_net_nn.py"),
    Program("no autograd", JC, "tensor/two_layer_net_tensor.py"),
    Program("regression", JC, "nn/two_layer_net_module.py"),
    Program("regression", JC, "nn/two_layer_net_optim.py"),
    Program("shared weights", JC, "nn/dynamic_net.py"),
    Program("regression", PT, "regression/main.py"),
    Program("GAN", "devnag/pytorch-generative-adversarial-networks", "gan_pytorch.py", steps=3000),
    Program("RL", RL, "dqn.py", steps=600),
    Program("RL", RL, "ppo.py", steps=600),
    Program("RL", RL, "sac.py", steps=600),
    Program("RL", RL, "ddpg.py", steps=600),
    Program("RL", RL, "actor_critic.py", steps=300),
    Program("RL", RL, "REINFORCE.py", steps=600),
    Program("RL", RL, "ppo-lstm.py", steps=300),
    Program("RL", CLEAN, "cleanrl/ppo.py", "--total-timesteps 4000 --no-cuda", 400, folder="."),
    Program("RL", CLEAN, "cleanrl/dqn.py", "--total-timesteps 14000 --no-cuda", 400, folder="."),
    Program("RL", CLEAN, "cleanrl/c51.py", "--total-timesteps 14000 --no-cuda", 400, folder="."),
    Program("RL", PT, "reinforcement_learning/actor_critic.py", steps=80),
    Program("RL", PT, "reinforcement_learning/reinforce.py", steps=80),
    Program("language", "karpathy/makemore", "makemore.py", "-i names.txt --max-steps 300", 300),
    Program(
        "language",
        "karpathy/nanoGPT",
        "train.py",
        "config/train_shakespeare_char.py --device=cpu --compile=False --eval_iters=2 "
        "--log_interval=50 --block_size=32 --batch_size=8 --n_layer=3 --n_head=4 --n_embd=64 "
        "--max_iters=300 --lr_decay_iters=300 --dropout=0.0",
        400,
        "characters",
    ),
    Program("language", "karpathy/minGPT", "projects/adder/adder.py", steps=300, folder="."),
    Program(
        "language",
        PT,
        "word_language_model/main.py",
        "--epochs 4 --emsize 32 --nhid 32",
        300,
        "words",
    ),
    Program(
        "diffusion",
        "tanelp/tiny-diffusion",
        "ddpm.py",
        "--dataset moons --num_epochs 3 --save_images_step 100",
        600,
    ),
    Program(
        "sequence",
        TCN,
        "TCN/adding_problem/add_test.py",
        "--cuda --epochs 3 --seq_len 60 --levels 3",
        3000,
        folder=".",
    ),
    Program(
        "sequence",
        TCN,
        "TCN/copy_memory/copymem_test.py",
        "--cuda --epochs 1 --seq_len 40 --levels 3",
        250,
        folder=".",
    ),
    Program(
        "sequence",
        PT,
        "time_sequence_prediction/train.py",
        "--steps 2",
        40,
        before="generate_sine_wave.py",
    ),
    Program("VAE", PT, "vae/main.py", "--epochs 8", 400, "digits", borne_out=DEAD),
    Program("images", PT, "mnist/main.py", "--epochs 1", 300, "digits"),
    Program("images", PT, "siamese_network/main.py", "--epochs 1", 150, "digits"),
    Program("forward-forward", PT, "mnist_forward_forward/main.py", "--epochs 200", 600, "digits"),
    Program(
        "Keras",
        "keras-team/keras",
        "examples/demo_functional.py",
        steps=200,
        environment="KERAS_BACKEND=torch",
        drawn=True,
    ),
    Program(
        "Keras",
        "keras-team/keras",
        "examples/demo_subclass.py",
        steps=200,
        environment="KERAS_BACKEND=torch",
        drawn=True,
    ),
    Program(
        "HF",
        "huggingface/accelerate",
        "src/accelerate/test_utils/scripts/test_script.py",
        "--cpu",
        200,
        folder=".",
    ),
    Program(
        "Lightning",
        "Lightning-AI/pytorch-lightning",
        "examples/pytorch/basics/backbone_image_classifier.py",
        "fit --trainer.max_steps 150",
        150,
        "digits",
    ),
)

GANS, LESSONS = "eriklindernoren/PyTorch-GAN", "yunjey/pytorch-tutorial"
NLP = "graykode/nlp-tutorial"
LATER = (
    *(
        Program("GAN", GANS, f"implementations/{name}/{name}.py", "--n_epochs 5", 400, "digits")
        for name in ("gan", "wgan", "wgan_gp", "lsgan", "softmax_gan", "cgan", "relativistic_gan")
    ),
    *(
        Program("GAN", GANS, f"implementations/{name}/{name}.py", "--n_epochs 5", 120, "digits")
        for name in ("dcgan", "aae", "bgan")
    ),
    *(
        Program(
            "GAN",
            GANS,
            f"implementations/{name}/{name}.py",
            "--n_epochs 5",
            120,
            "digits",
            borne_out=TWICE,
        )
        for name in ("acgan", "infogan")
    ),
    Program("regression", LESSONS, "tutorials/01-basics/linear_regression/main.py"),
    *(
        Program(kind, LESSONS, f"tutorials/{name}/main.py", "", 400, "digits")
        for kind, name in (
            ("images", "01-basics/logistic_regression"),
            ("images", "01-basics/feedforward_neural_network"),
            ("images", "02-intermediate/convolutional_neural_network"),
            ("recurrent", "02-intermediate/recurrent_neural_network"),
            ("recurrent", "02-intermediate/bidirectional_recurrent_neural_network"),
            ("GAN", "03-advanced/generative_adversarial_network"),
        )
    ),
    Program(
        "VAE",
        LESSONS,
        "tutorials/03-advanced/variational_autoencoder/main.py",
        "",
        400,
        "digits",
        borne_out=DEAD,
    ),
    *(
        Program("language", NLP, f"{name}.py", "", steps)
        for name, steps in (
            ("1-1.NNLM/NNLM", 5000),
            ("1-2.Word2Vec/Word2Vec-Skipgram(Softmax)", 3000),
            ("2-1.TextCNN/TextCNN", 3000),
            ("3-1.TextRNN/TextRNN", 3000),
            ("3-2.TextLSTM/TextLSTM", 1000),
            ("3-3.Bi-LSTM/Bi-LSTM", 1000),
            ("4-1.Seq2Seq/Seq2Seq", 2000),
            ("4-2.Seq2Seq(Attention)/Seq2Seq(Attention)", 2000),
            ("4-3.Bi-LSTM(Attention)/Bi-LSTM(Attention)", 2000),
            ("5-2.BERT/BERT", 60),
        )
    ),
    Program("language", NLP, "5-1.Transformer/Transformer.py", "", 20, borne_out=GONE),
    Program("graph", "tkipf/pygcn", "pygcn/train.py", "--epochs 200", 400, folder="pygcn"),
    Program("ODE", "rtqichen/torchdiffeq", "examples/ode_demo.py", "--niters 200", 300, folder="."),
    Program("experts", "davidmrau/mixture-of-experts", "example.py", steps=10),
    Program("recurrent", PT, "mnist_rnn/main.py", "--epochs 3", 400, "digits"),
    Program("RL", RL, "vtrace.py", steps=400),
    Program("RL", RL, "acer.py", steps=400),
    Program(
        "language",
        PT,
        "word_language_model/main.py",
        "--epochs 4 --model Transformer --emsize 32 --nhid 32 --nhead 2 --lr 5",
        400,
        "words",
    ),
)
