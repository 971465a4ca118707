"""Folders without items: classes that would otherwise disappear without notice."""

from __future__ import annotations

from headstart.data.folder.layout import Layout
from headstart.data.folder.listing import FolderListing, by_extension
from headstart.data.text.unicode import normalized
from headstart.reporting.wording import plural

__all__ = ["lost_folders"]

MOST = 10  # folders to name


def lost_folders(layout: Layout, listing: FolderListing, noun: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Classes that have a folder but no item, and sentences on all folders without items.

    Folders are checked from the top level down to the class level, and a folder without items is reported once, with
    its content. A class with items in another split is not lost, but its empty folder is reported.

    Args:
        layout: the layout of the items, with classes.
        listing: the content of the folder.
        noun: what an item is called, such as ``"picture"``.

    Returns:
        The names of lost classes, and one sentence for class folders and one for other folders, if there are such.

    Examples:
        >>> from headstart.data.folder.layout import parse_layout
        >>> files, others = ["ant/1.jpg", "bee/1.jpg"], ("wasp/1.xyz", "wasp/2.xyz")
        >>> listing = FolderListing({"image": files}, others=others, folders=("ant", "bee", "wasp"))
        >>> lost_folders(parse_layout(files), listing, "picture")
        (('wasp',), ("1 class folder contains no picture: 'wasp' (2 '.xyz').",))
    """
    held = {place.path[:end] for place in layout.places for end in _ends(place.path)}
    deepest = layout.depth + 1
    broken = [link for link in listing.broken if link.count("/") == layout.depth]  # may have been class folders
    empty = [folder for folder in sorted((*listing.folders, *broken)) if folder not in held]
    empty = [folder for folder in empty if folder.count("/") < deepest]
    empty = [folder for folder in empty if "/" not in folder or folder.rpartition("/")[0] in held]
    known = {normalized(name) for name in layout.classes or ()}
    classes = [folder for folder in empty if folder.count("/") == layout.depth]
    lost = tuple(dict.fromkeys(folder.rpartition("/")[2] for folder in classes))
    absent = tuple(name for name in lost if normalized(name) not in known)
    kinds = (
        (classes, "class folder", "class folders"),
        ([folder for folder in empty if folder not in set(classes)], "other folder", "other folders"),
    )
    return absent, tuple(_sentence(folders, one, more, listing, noun) for folders, one, more in kinds if folders)


def _ends(path: str) -> list[int]:
    """Where the path of each parent folder ends."""
    return [place for place, sign in enumerate(path) if sign == "/"]


def _sentence(folders: list[str], one: str, more: str, listing: FolderListing, noun: str) -> str:
    which = plural(len(folders), f"{one} contains no {noun}", f"{more} contain no {noun}s")
    shown = ", ".join(f"'{folder}' ({_inside(folder, listing)})" for folder in folders[:MOST])
    rest = f" and {len(folders) - MOST} more" if len(folders) > MOST else ""
    return f"{which}: {shown}{rest}."


def _inside(folder: str, listing: FolderListing) -> str:
    if folder in listing.links:
        return "a link to a folder that was already read"
    if folder in listing.broken:
        return "a broken link"
    files = (*listing.others, *listing.documents, *(path for paths in listing.files.values() for path in paths))
    inside = [path for path in files if path.startswith(folder + "/")]
    return by_extension(inside) or "empty"
