// Stylesheets that only some pages need.

const known = new Map();

function add(name) {
  return new Promise((resolve) => {
    const link = document.createElement('link');
    link.rel = 'stylesheet';
    link.href = new URL(`../styles/${name}.css`, import.meta.url).pathname;
    // A page without its colours is still a page.
    link.onload = link.onerror = resolve;
    document.head.append(link);
  });
}

/** The page that is being loaded, once its stylesheet applies. */
export async function styled(name, page) {
  if (!known.has(name)) known.set(name, add(name));
  await known.get(name);
  return page;
}
