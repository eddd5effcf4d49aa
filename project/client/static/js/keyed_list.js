/** Keeps a container's children equal to a list of items, one child an item, found by its key. */

/**
 * `createView(item)` answers `{element, update(item)}`. `show(items)` updates what is there, adds
 * what is new, takes away what is gone; a child whose neighbours stay the same is never moved, so
 * the focus and a selection in it stay.
 */
export function createKeyedList(container, createView) {
  const views = new Map();

  function show(items) {
    const keys = new Set(items.map((item) => item.id));
    for (const [key, view] of views) {
      if (!keys.has(key)) {
        view.element.remove();
        views.delete(key);
      }
    }
    items.forEach((item, index) => {
      const view = views.get(item.id) ?? add(item);
      view.update(item);
      const there = container.children[index] ?? null;
      if (there !== view.element) container.insertBefore(view.element, there);
    });
  }

  function add(item) {
    const view = createView(item);
    views.set(item.id, view);
    return view;
  }

  return { show, views };
}
