"""Which classifier reads handwritten digits best?

1,797 scanned digits (the UCI optical recognition set, which ships inside scikit-learn) are split once; four
models are trained side by side, one task each; the best of them is shown with its confusion matrix.

Steps that compute run in an environment with scikit-learn, the step that reports in one with rich. Each is
locked to exact wheels in fpack.locks/ when the flow is first launched.
"""

from fpack import FlowSpec, Parameter, pypi, resources, retry, step

LEARN = {"scikit-learn": "1.7.*"}


class Digits(FlowSpec):
    """Trains four classifiers on handwritten digits and picks the best."""

    test_share = Parameter("test-share", default=0.25, help="share of digits held back for testing")
    seed = Parameter("seed", default=7, help="for the split and the models")

    @pypi(packages=LEARN)
    @step
    def start(self):
        """Split the digits into a training and a test set."""
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split

        digits = load_digits()
        self.split = train_test_split(
            digits.data,
            digits.target,
            test_size=self.test_share,
            random_state=self.seed,
            stratify=digits.target,
        )
        self.models = ["nearest neighbours", "random forest", "logistic regression", "support vectors"]
        print(f"{len(digits.target)} digits of {digits.data.shape[1]} pixels each")
        self.next(self.train, foreach="models")

    @pypi(packages=LEARN)
    @resources(cpu=1, memory=1000)
    @retry(times=1)
    @step
    def train(self):
        """Train one model and let it read the test set."""
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.neighbors import KNeighborsClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import SVC

        model = {
            "nearest neighbours": KNeighborsClassifier(n_neighbors=3),
            "random forest": RandomForestClassifier(n_estimators=200, random_state=self.seed),
            "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
            "support vectors": make_pipeline(StandardScaler(), SVC(C=5.0)),
        }[self.input]
        train_x, test_x, train_y, test_y = self.split
        model.fit(train_x, train_y)
        self.name = self.input
        self.model = model
        self.predicted = model.predict(test_x)
        self.accuracy = float((self.predicted == test_y).mean())
        print(f"{self.name}: {self.accuracy:.1%}")
        self.next(self.choose)

    @pypi(packages=LEARN)
    @step
    def choose(self, inputs):
        """Keep the model that read most digits right, and how the others did."""
        from sklearn.metrics import confusion_matrix

        best = max(inputs, key=lambda each: each.accuracy)
        self.scores = {each.name: each.accuracy for each in inputs}
        self.best = best.name
        self.model = best.model
        # Plain lists, so that the next step needs no numpy to read them.
        self.confusion = confusion_matrix(best.split[3], best.predicted).tolist()
        self.next(self.end)

    @pypi(packages={"rich": "14.*"})
    @step
    def end(self):
        """Show the scores and the confusion matrix."""
        from rich.console import Console
        from rich.table import Table

        console = Console(width=72)
        scores = Table("model", "digits read right")
        for name, accuracy in sorted(self.scores.items(), key=lambda pair: -pair[1]):
            scores.add_row(name, f"{accuracy:.1%}")
        console.print(scores)
        matrix = Table("", *(str(digit) for digit in range(10)), title=f"{self.best}: what was read as what")
        for digit, row in enumerate(self.confusion):
            matrix.add_row(str(digit), *(str(count) if count else "·" for count in row))
        console.print(matrix)


if __name__ == "__main__":
    Digits()
