"""Folders without an item: classes that would vanish unnamed."""

from __future__ import annotations

from headstart.data.folder.layout import Layout
from headstart.data.folder.listing import FolderListing, by_extension
from headstart.data.text.unicode import normalized
from headstart.reporting.wording import plural

__all__ = ["lost_folders"]

MOST = 10


def lost_folders(layout: Layout, listing: FolderListing, noun: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The classes that have a folder and no item, and sentences on all folders without an item.

    A folder counts from the top down to those of the classes, once with all that lies in it. A class that has items in
    another split is not lost, but its empty folder is said.

    Args:
        layout: where the items lie, with classes.
        listing: what lies in the folder.
        noun: what an item is.

    Returns:
        Names of lost classes, and one sentence for each kind of loss.

    Examples:
        >>> from headstart.data.folder.layout import parse_layout
        >>> files, others = ["ant/1.jpg", "bee/1.jpg"], ("wasp/1.xyz", "wasp/2.xyz")
        >>> listing = FolderListing({"image": files}, others=others, folders=("ant", "bee", "wasp"))
        >>> lost_folders(parse_layout(files), listing, "picture")
        (('wasp',), ("1 folder of a class holds no picture: 'wasp' (2 '.xyz').",))
    """
    held = {place.path[:end] for place in layout.places for end in _ends(place.path)}
    deepest = layout.depth + 1
    broken = [link for link in listing.broken if link.count("/") == layout.depth]  # once a folder of a class, perhaps
    empty = [folder for folder in sorted((*listing.folders, *broken)) if folder not in held]
    empty = [folder for folder in empty if folder.count("/") < deepest]
    empty = [folder for folder in empty if "/" not in folder or folder.rpartition("/")[0] in held]
    known = {normalized(name) for name in layout.classes or ()}
    classes = [folder for folder in empty if folder.count("/") == layout.depth]
    lost = tuple(dict.fromkeys(folder.rpartition("/")[2] for folder in classes))
    absent = tuple(name for name in lost if normalized(name) not in known)
    said = (
        (classes, "folder of a class", "folders of classes"),
        ([folder for folder in empty if folder not in set(classes)], "folder beside them", "folders beside them"),
    )
    return absent, tuple(_sentence(folders, one, more, listing, noun) for folders, one, more in said if folders)


def _ends(path: str) -> list[int]:
    return [place for place, sign in enumerate(path) if sign == "/"]


def _sentence(folders: list[str], one: str, more: str, listing: FolderListing, noun: str) -> str:
    which = plural(len(folders), f"{one} holds no {noun}", f"{more} hold no {noun}s")
    shown = ", ".join(f"'{folder}' ({_inside(folder, listing)})" for folder in folders[:MOST])
    rest = f" and {len(folders) - MOST} more" if len(folders) > MOST else ""
    return f"{which}: {shown}{rest}."


def _inside(folder: str, listing: FolderListing) -> str:
    if folder in listing.links:
        return "a link to a folder that was read already"
    if folder in listing.broken:
        return "a link that leads nowhere"
    files = (*listing.others, *listing.documents, *(path for paths in listing.files.values() for path in paths))
    inside = [path for path in files if path.startswith(folder + "/")]
    return by_extension(inside) or "empty"
