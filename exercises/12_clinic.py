"""Exercises of notebook 12: a diagnosis for each patient of the three labs."""

from exercises import Choose

LOSS = {
    "a": "nothing: it is healthy",
    "b": "its reconstruction error is a mean over pixels where a sum belongs",
    "c": "its KL term has the weight 784",
    "d": "it draws its noise with log sigma where log sigma squared was learned, or the reverse",
    "e": "its ReLU has died: all gradients are 0",
}

first_patient = Choose(
    "diagnose",
    purpose="Tell two illnesses with the same pictures apart.",
    minutes=5,
    statement="What is wrong with patient **A** of lab 1?",
    choices=LOSS,
    right="b",
    replies={
        "a": "Its KL is 0, and its pictures are the same whatever goes in.",
        "c": "The pictures would be the same. But look at the loss that its training reports: 0.26 "
        "cannot be a sum over 784 pixels.",
        "d": "Its clouds have the std of N(0, I): the code is not used at all, so no noise can be "
        "mistaken.",
        "e": "It learned the average digit, so its gradients were not 0.",
    },
    hints=(
        "Divide the right loss by the reported one.",
        "What does dividing the reconstruction error by 784 do to the weight of the KL term?",
    ),
    reason="Its reported loss is the right one divided by 784. Relative to the mean, the KL term "
    "weighs 784 times as much, so the code is given up.",
)

third_patient = Choose(
    "diagnose",
    purpose="Diagnose a model whose pictures look healthy.",
    minutes=8,
    statement="What is wrong with patient **C** of lab 1?",
    choices=LOSS,
    right="d",
    replies={
        "a": "Compare the last two columns: its own forward pass, and the same code with the noise "
        "that its log variance stands for.",
        "b": "Its reported loss is of the right size.",
        "c": "Its KL is far from 0.",
        "e": "It reconstructs well, so its gradients arrive.",
    },
    hints=(
        "Which patients have two equal numbers in the last two columns?",
        "The forward pass and the definition differ in one thing only: how large the noise is.",
    ),
    reason="Its forward pass is better than the right noise allows: it draws less noise than its "
    "KL term pays for.",
)

fourth_patient = Choose(
    "diagnose",
    purpose="Use a scale to tell cause from cause.",
    minutes=3,
    statement="What is wrong with patient **D** of lab 1?",
    choices=LOSS,
    right="c",
    replies={
        "a": "Its KL is 0, and its pictures are the same whatever goes in.",
        "b": "Its reported loss is a sum over pixels: over 200.",
        "d": "Its clouds have the std of N(0, I): the code is not used at all.",
        "e": "It learned the average digit, so its gradients were not 0.",
    },
    hints=("It has the symptoms of A but for one.",),
    reason="The same collapse as A's, with a reported loss of the right size: the weight of the KL "
    "term is 784.",
)

DATA = {
    "a": "nothing: it is healthy",
    "b": "the labels are shifted by one",
    "c": "the labels were shuffled without the images",
    "d": "rows and columns of the images are swapped",
    "e": "the decoder was never given the label",
}

first_labels = Choose(
    "diagnose",
    purpose="Read a table of what was asked for and what came.",
    minutes=4,
    statement="What is wrong with patient **A** of lab 2?",
    choices=DATA,
    right="b",
    replies={
        "a": "Look at what comes when you ask for a 3.",
        "c": "Then every digit would come as every other. Here nearly each has one wrong partner.",
        "d": "Its digits stand upright.",
        "e": "What comes follows what is asked for, with one wrong partner for nearly each digit.",
    },
    hints=("In each row of the table, where is the largest number?",),
    reason="Asked for d it draws d - 1 (for eight of ten digits, in most draws): it was taught that every digit is called one more.",
)

second_labels = Choose(
    "diagnose",
    purpose="See a fault that no loss shows.",
    minutes=4,
    statement="What is wrong with patient **B** of lab 2?",
    choices=DATA,
    right="d",
    replies={
        "a": "Look at its digits.",
        "b": "Look at the digits themselves, before what they are called.",
        "c": "Its rows differ from each other: the label decides what is drawn.",
        "e": "Its rows differ from each other: the label decides what is drawn.",
    },
    hints=(
        "Turn the picture: what would the classifier say then? Run its column again on "
        "transposed samples.",
    ),
    reason="Its digits are mirrored along the diagonal. Its own loss is as good as the healthy "
    "one's; only pictures, or a judge, tell.",
)

third_labels = Choose(
    "diagnose",
    purpose="Tell two faults of labels apart.",
    minutes=4,
    statement="What is wrong with patient **C** of lab 2?",
    choices=DATA,
    right="c",
    replies={
        "a": "Look at what comes when you ask for a 3.",
        "b": "Then each digit would come as one other. Here the label changes next to nothing: an 8 comes most often, whatever is asked for.",
        "d": "Its digits stand upright.",
        "e": "Then a 3 and a 5 from the same code would be the same picture, to the last digit. Its "
        "pictures differ a little. Look at its training labels beside its images.",
    },
    hints=(
        "Is the share of right digits different from chance, 10 %?",
        "Read the row of its training images, and then its labels, one by one.",
    ),
    reason="Its labels have nothing to do with its images, so it learned to ignore them. Its loss "
    "is higher than the healthy one's, since the label no longer helps.",
)

USE = {
    "a": "nothing: it is healthy",
    "b": "its test images were among those that it was trained on",
    "c": "batch normalization is in train mode while it samples",
    "d": "its KL weight is too small",
}

second_use = Choose(
    "diagnose",
    purpose="Find out what three numbers of one model say together.",
    minutes=4,
    statement="What is wrong with patient **B** of lab 3?",
    choices=USE,
    right="b",
    replies={
        "a": "Its test loss is lower than its training loss, and lower than that on fresh images.",
        "c": "Its images do not depend on their company.",
        "d": "That would change all of its losses, not only that on its test set.",
    },
    hints=("How many of its test images are, pixel for pixel, among its training images?",),
    reason="All of its test images were trained on. The loss on fresh images is the honest one.",
)

third_use = Choose(
    "diagnose",
    purpose="Find a fault that the training does not show.",
    minutes=5,
    statement="What is wrong with patient **C** of lab 3?",
    choices=USE,
    right="c",
    replies={
        "a": "The same code gives another image in other company.",
        "b": "Its test loss is not better than its training loss.",
        "d": "Its training loss is that of the healthy patient, to the last printed digit.",
    },
    hints=(
        "Which layer of a network looks at the other images of a batch?",
        "third['C'].model.training says in which mode it is.",
    ),
    reason="In train mode, batch normalization takes mean and variance from the batch. So an image "
    "depends on its company, and the loss is not that of the trained model.",
)
