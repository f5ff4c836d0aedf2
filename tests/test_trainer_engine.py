"""The reference trainer's parts: exact products, gradients, noise and sampling, prompts and drawings."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from trainings import planned, run, subject

from loracle_mockserver.trainer import avatars, captions, diffusion, training
from loracle_mockserver.trainer.adapter import Adapter, Array, LoraLayer, digest_of
from loracle_mockserver.trainer.arithmetic import MOST_TERMS, frozen, on_grid, product, sliced
from loracle_mockserver.trainer.model import Model
from loracle_mockserver.trainer.network import DENOISER, TEXT_ENCODER

VALUES = st.floats(-1e3, 1e3, allow_subnormal=False)


@st.composite
def _pairs(draw: st.DrawFn) -> tuple[Array, Array, list[int]]:
    rows, inner, columns = (draw(st.integers(1, 12)) for _ in range(3))
    a = draw(arrays.arrays(np.float64, (rows, inner), elements=VALUES))
    b = draw(arrays.arrays(np.float64, (inner, columns), elements=VALUES))
    return a, b, draw(st.permutations(range(inner)))


@given(_pairs())
def test_a_product_has_the_same_bits_in_any_order_of_its_sums(pair: tuple[Array, Array, list[int]]) -> None:
    a, b, order = pair
    expected, found = product(sliced(a), sliced(b)), product(sliced(a[:, order]), sliced(b[order]))
    assert found.tobytes() == expected.tobytes()
    weight = on_grid(np.clip(b.T, -8.0, 8.0))
    expected, found = frozen(weight).apply(sliced(a)), frozen(weight[:, order]).apply(sliced(a[:, order]))
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("parts", [1, 4])
def test_long_sums_of_large_numbers_have_the_same_bits_in_any_order_within_their_parts(parts: int) -> None:
    random = np.random.default_rng(parts)
    a = 1.0 - random.uniform(0.0, 1e-3, (8, parts * MOST_TERMS))
    found = product(sliced(a), sliced(a.T))
    assert np.abs(found - a @ a.T).max() < 1e-8
    order = np.concatenate([part * MOST_TERMS + random.permutation(MOST_TERMS) for part in range(parts)])
    assert product(sliced(a[:, order]), sliced(a[:, order].T)).tobytes() == found.tobytes()


@given(_pairs())
def test_a_product_is_as_precise_as_it_says(pair: tuple[Array, Array, list[int]]) -> None:
    a, b, _ = pair
    bound = 2.0**-42 * np.abs(a).max() * np.abs(b).max() * a.shape[1] + 1e-250
    assert np.abs(product(sliced(a), sliced(b)) - a @ b).max() <= bound
    weight = on_grid(np.clip(b.T, -8.0, 8.0))
    assert np.abs(frozen(weight).apply(sliced(a)) - a @ weight.T).max() <= bound
    assert np.abs(frozen(weight.T).apply_transposed(sliced(a)) - a @ weight.T).max() <= bound


def test_weights_off_the_grid_are_refused() -> None:
    with pytest.raises(ValueError, match="on_grid"):
        frozen(np.array([[1.0, 1e-9]]))
    with pytest.raises(ValueError, match="at most 512"):
        frozen(np.ones((2, 513)))


def _adapter(text_encoder: bool, r: int = 3) -> Adapter:
    """An adapter with no matrix that is zero."""
    random = np.random.default_rng(5)

    def layers(shapes: dict[str, tuple[int, int]]) -> dict[str, LoraLayer]:
        return {
            name: LoraLayer(random.standard_normal((r, one)) * 0.1, random.standard_normal((other, r)) * 0.1)
            for name, (one, other) in shapes.items()
        }

    return Adapter(layers(DENOISER), layers(TEXT_ENCODER) if text_encoder else {}, r, 2, r, 5)


@pytest.mark.parametrize(
    "place", [f"denoiser.{name}" for name in DENOISER] + [f"text_encoder.{n}" for n in TEXT_ENCODER]
)
@pytest.mark.parametrize("letter", ["A", "B"])
def test_gradients_are_those_of_finite_differences(place: str, letter: str) -> None:
    adapter = _adapter(text_encoder=True)
    model = Model(adapter)
    pictures = subject(count=4)
    prompts = ["a sks man", "person", "a sks man", "a woman with red hair"]
    batch = training.Batch(pictures, prompts, 3)

    def loss() -> float:
        return training.gradients_of(model, batch, 0.7, np.random.default_rng(3))[0].whole

    _, gradients = training.gradients_of(model, batch, 0.7, np.random.default_rng(3))
    where, _, name = place.partition(".")
    layers = adapter.layers if where == "denoiser" else adapter.text_encoder_layers
    matrix: Array = getattr(layers[name], letter)
    gradient = gradients[f"{place}.{letter}"]
    assert gradient.shape == matrix.shape
    largest = np.unravel_index(int(np.abs(gradient).argmax()), gradient.shape)
    for index in (largest, (0, 0), (-1, -1)):
        kept, step = matrix[index], 1e-4
        matrix[index] = kept + step
        above = loss()
        matrix[index] = kept - step
        below = loss()
        matrix[index] = kept
        expected = (above - below) / (2 * step)
        assert gradient[index] == pytest.approx(expected, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("text_encoder", [False, True])
def test_a_new_adapter_changes_nothing_and_a_trained_one_does(text_encoder: bool) -> None:
    noisy = np.random.default_rng(0).standard_normal((5, 8, 8, 3))
    t = np.array([0, 10, 500, 900, 999])
    plain = training.predict(None, noisy, t, "a photo of sks person")
    adapter = _adapter(text_encoder)
    assert np.abs(training.predict(adapter, noisy, t, "a photo of sks person") - plain).max() > 1e-2
    for layer in [*adapter.layers.values(), *adapter.text_encoder_layers.values()]:
        layer.B[:] = 0.0
    assert training.predict(adapter, noisy, t, "a photo of sks person").tobytes() == plain.tobytes()


def test_the_strength_of_an_adapter_is_alpha_by_r() -> None:
    noisy, t = np.random.default_rng(0).standard_normal((2, 8, 8, 3)), np.array([100, 900])
    adapter = _adapter(text_encoder=True)
    halved = {name: LoraLayer(layer.A, layer.B / 2) for name, layer in adapter.layers.items()}
    text = {name: LoraLayer(layer.A, layer.B / 5) for name, layer in adapter.text_encoder_layers.items()}
    same = Adapter(halved, text, 3, 4, 3, 25)
    assert training.predict(same, noisy, t, "sks") == pytest.approx(
        training.predict(adapter, noisy, t, "sks"), abs=1e-9
    )


def test_an_adapter_of_another_model_is_refused() -> None:
    layers = {"mid_block.attentions.0.to_q": LoraLayer(np.zeros((1, 4)), np.zeros((4, 1)))}
    with pytest.raises(KeyError, match="mid_block"):
        Model(Adapter(layers, {}, 1, 1, 1, 1))


# --- the diffusion


@given(seed=st.integers(0, 2**32 - 1), t=st.integers(0, diffusion.TIMESTEPS - 1))
def test_a_velocity_and_its_noisy_picture_give_back_both_parts(seed: int, t: int) -> None:
    x, noise = np.random.default_rng(seed).standard_normal((2, 1, 8, 8, 3))
    at = np.array([t])
    z, v = diffusion.noised(x, noise, at), diffusion.velocity(x, noise, at)
    alpha = diffusion.noised(np.ones((1, 1)), np.zeros((1, 1)), at)[0, 0]
    sigma = diffusion.noised(np.zeros((1, 1)), np.ones((1, 1)), at)[0, 0]
    assert alpha**2 + sigma**2 == pytest.approx(1.0)
    assert alpha * z - sigma * v == pytest.approx(x)
    assert sigma * z + alpha * v == pytest.approx(noise)


def test_the_noise_is_that_of_stable_diffusion() -> None:
    # diffusers 0.42.1, DDPMScheduler(beta_schedule="scaled_linear", 0.00085, 0.012): alphas_cumprod
    ones, zeros = np.ones((3, 1)), np.zeros((3, 1))
    kept = diffusion.noised(ones, zeros, np.array([0, 500, 999]))[:, 0] ** 2
    assert kept == pytest.approx([0.99915, 0.276332, 0.0046601], rel=1e-4)


def test_sampling_finds_the_picture_that_is_predicted() -> None:
    picture = np.random.default_rng(1).uniform(-1, 1, (2, 8, 8, 3))

    noises = []

    def knowing(z: Array, t: npt.NDArray[np.int64]) -> Array:
        noise = (z - diffusion.noised(picture, np.zeros_like(z), t)) / diffusion.noised(
            np.zeros_like(z), np.ones_like(z), t
        )
        noises.append(noise)
        return diffusion.velocity(picture, noise, t)

    noise = np.random.default_rng(2).standard_normal(picture.shape)
    assert diffusion.sample(knowing, noise, steps=5) == pytest.approx(picture)
    assert len(noises) == 5
    assert all(later == pytest.approx(noises[0]) for later in noises)  # no noise is added on the way


# --- prompts, drawings and digests


@given(st.text(max_size=2000))
def test_any_prompt_has_tokens_that_the_model_knows(prompt: str) -> None:
    found = captions.tokens(prompt)
    assert 1 <= len(found) <= captions.MAX_WORDS
    assert all(0 <= token < captions.TOKENS for token in found)


def test_words_are_told_apart_and_keep_their_tokens() -> None:
    assert captions.tokens("A  photo, of SKS person!") == captions.tokens("a photo of sks person")
    assert captions.tokens("a sks person") != captions.tokens("a ohwx person")
    assert captions.tokens("person") == (0, captions.tokens("a person")[2])


@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(avatars.KINDS))
def test_a_drawing_is_the_same_each_time_and_at_every_size(seed: int, kind: str) -> None:
    random = np.random.default_rng(seed)
    sitter, scene = avatars.random_sitter(random, (kind,)), avatars.random_scene(random)
    drawn = avatars.draw(sitter, scene, 64)
    assert drawn.tobytes() == avatars.draw(sitter, scene, 64).tobytes()
    halves = avatars.draw(sitter, scene, 128).reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
    assert np.abs(halves - drawn).mean() < 8.0
    assert captions.tokens(captions.describe(sitter, scene, random))[1:]


def test_a_digest_is_of_names_shapes_and_bytes() -> None:
    a, b = np.zeros((1, 4)), np.zeros((4, 1))
    digests = {
        digest_of({"up": LoraLayer(a, b)}, {}),
        digest_of({"down": LoraLayer(a, b)}, {}),
        digest_of({}, {"up": LoraLayer(a, b)}),
        digest_of({"up": LoraLayer(b, a)}, {}),
        digest_of({"up": LoraLayer(a + 1e-300, b)}, {}),
    }
    assert len(digests) == 5
    wide = np.arange(6.0).reshape(2, 3)
    turned = digest_of({"up": LoraLayer(np.asfortranarray(wide), b)}, {})
    assert turned == digest_of({"up": LoraLayer(wide, b)}, {})


# --- the loop


def test_a_training_tells_each_step() -> None:
    told = []
    pixels = subject(count=3)
    decided = planned(3, max_train_steps=5, lr_scheduler="linear", with_prior_preservation=False)
    images = SimpleNamespace(pixels=pixels, captions=decided.captions)
    outcome = training.train(decided, images, emit=told.append)
    assert [(one.step, one.steps, one.loss, one.lr) for one in told] == [
        (step, 5, loss, rate)
        for step, (loss, rate) in enumerate(zip(outcome.losses, outcome.learning_rates, strict=True), 1)
    ]
    assert outcome.learning_rates == pytest.approx([1e-3 * left / 5 for left in (5, 4, 3, 2, 1)])
    assert outcome.prior_losses == ()
    assert outcome.class_images.shape == (0, 8, 8, 3)


def test_a_loss_is_that_of_the_images_and_the_weighted_prior() -> None:
    lone = run(subject(), max_train_steps=1, with_prior_preservation=True, prior_loss_weight=0.0 + 1e-9)
    weighted = run(subject(), max_train_steps=1, prior_loss_weight=2.5)
    assert len(weighted.class_images) >= 32
    assert weighted.prior_losses == lone.prior_losses
    assert weighted.losses[0] == pytest.approx(lone.losses[0] + 2.5 * weighted.prior_losses[0], rel=1e-6)


def test_the_seed_says_all_that_is_drawn_by_chance() -> None:
    one, other = (run(subject(), max_train_steps=1, seed=seed) for seed in (1, 2))
    assert (one.adapter.layers["output"].A != other.adapter.layers["output"].A).all()
    assert (one.class_images != other.class_images).any(axis=(1, 2, 3)).all()
    assert (one.samples_before != other.samples_before).any(axis=(1, 2, 3)).all()
    again = run(subject(), max_train_steps=1, seed=1, class_prompt="cat")
    assert again.samples_before.tobytes() == one.samples_before.tobytes()
    assert np.abs(again.class_images - one.class_images).mean() > 0.1


@pytest.mark.parametrize("asked", [1, 2, 5])
def test_a_canceled_training_ends_at_once(asked: int) -> None:
    asks = []
    decided = planned(max_train_steps=50)

    def is_canceled() -> bool:
        asks.append(len(asks) + 1)
        return len(asks) == asked

    images = SimpleNamespace(pixels=subject(), captions=decided.captions)
    with pytest.raises(training.Canceled) as caught:
        training.train(decided, images, is_canceled=is_canceled)
    assert len(asks) == asked
    assert caught.value.step == max(0, asked - 2)  # the first look is while class images are made


def test_a_training_that_diverges_says_so() -> None:
    with pytest.raises(training.Untrainable, match="Lower learning_rate") as caught:
        run(subject(), max_train_steps=200, learning_rate=1e30, lora_alpha=10**6)
    assert caught.value.reason == "diverged"


def test_without_images_nothing_is_trained() -> None:
    with pytest.raises(training.Untrainable) as caught:
        training.train(planned(), SimpleNamespace(pixels=np.zeros((0, 8, 8, 3)), captions=()))
    assert caught.value.reason == "no_images"
