"""The form in which notebooks are committed: what is the same in every run, and nothing else."""

import base64

import nbformat

KEPT = ("tags", "alt")  # of a cell's metadata
WIDGET = "application/vnd.jupyter.widget-view+json"


def normalise(notebook):
    """Leave in `notebook` only what is the same in every run, in place.

    Not kept: stderr (progress bars, warnings that name this machine's paths), widgets
    (they live in a kernel), and metadata about who ran what and when. A cell's `alt`, a text for
    each of its figures in a list, goes into the figures' own metadata, where readers look for it.
    """
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python", "pygments_lexer": "ipython3"},
        }
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for cell in notebook.cells:
        kept = {key: cell.metadata[key] for key in KEPT if cell.metadata.get(key)}
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if repeats(output)]
            texts = list(kept.get("alt", []))
            for output in cell.outputs:
                if "metadata" in output:
                    picture = "image/png" in output.get("data", {})
                    alt = {"image/png": {"alt": texts.pop(0)}} if picture and texts else {}
                    output.metadata = nbformat.from_dict(alt)
    return notebook


def repeats(output):
    return output.get("name") != "stderr" and WIDGET not in output.get("data", {})


def text(notebook):
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def pictures(notebook):
    """The README's pictures, from cells with a tag such as readme:plane.png -> {name: PNG}."""
    return {
        tag.removeprefix("readme:"): base64.b64decode(output.data["image/png"])
        for cell in notebook.cells
        for tag in cell.metadata.get("tags", [])
        if tag.startswith("readme:")
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    }
