// Inside the frame of embed.js: say how high the page is.
"use strict";
(() => {
  const page = document.querySelector("main");
  const tell = () => parent.postMessage({ jobwireHeight: Math.ceil(page.getBoundingClientRect().bottom + scrollY) }, "*");
  if (parent !== window) new ResizeObserver(tell).observe(page);
})();
