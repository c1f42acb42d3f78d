// What lies where in a page: texts that overlap, stick out of the window, or are cut off.
(() => {
  const clip = (rect, element) => {
    let { left, top, right, bottom } = rect;
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.overflowX === "visible" && style.overflowY === "visible") continue;
      const box = at.getBoundingClientRect();
      [left, top] = [Math.max(left, box.left), Math.max(top, box.top)];
      [right, bottom] = [Math.min(right, box.right), Math.min(bottom, box.bottom)];
    }
    return right - left > 1 && bottom - top > 1 ? { left, top, right, bottom } : null;
  };
  const texts = () => {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode());) {
      const element = node.parentElement;
      if (!node.data.trim() || !element.checkVisibility({ visibilityProperty: true })) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      for (const rect of range.getClientRects()) {
        const seen = clip(rect, element);
        if (seen) found.push({ ...seen, whole: rect.width, text: node.data.trim().slice(0, 40), node, element });
      }
    }
    return found;
  };
  const overlap = (a, b) => {
    const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    // Boxes of letters reach into the next line's by a little; a third of a line is more than that.
    return width > 2 && height > Math.min(a.bottom - a.top, b.bottom - b.top) / 3;
  };
  const overlapping = () => {
    const all = texts().sort((a, b) => a.top - b.top);
    const found = [];
    all.forEach((a, at) => {
      for (let next = at + 1; next < all.length && all[next].top < a.bottom; next++) {
        const b = all[next];
        if (a.node !== b.node && overlap(a, b)) found.push(`${a.text} / ${b.text}`);
      }
    });
    return found;
  };
  const outside = () => texts()
    .filter(({ left, right }) => left < -1 || right > document.documentElement.clientWidth + 1)
    .map(({ text }) => text);
  // What may be scrolled to is not cut; a name's further lines may be, for its details have all of it.
  const cut = () => texts()
    .filter(({ whole, left, right, element }) => whole - (right - left) > 2 && !element.closest("pre"))
    .map(({ text }) => text);
  const sideways = () => document.scrollingElement.scrollWidth - document.documentElement.clientWidth;
  return { overlapping: overlapping(), outside: outside(), cut: cut(), sideways: sideways() };
})()
