// The form of a Jobwire on somebody else's page:
//   <script src="https://requests.example/embed.js" data-form="lead" data-locale="en" async></script>
// It puts a frame where it stands and keeps it as high as the form. It asks for nothing else and stores nothing.
"use strict";
(() => {
  const script = document.currentScript;
  const form = script.dataset.form === "match" ? "match" : "lead";
  const titles = { en: "Describe the work you need", fr: "Décrivez votre besoin", ja: "ご依頼の内容をお聞かせください" };
  const locale = script.dataset.locale in titles ? script.dataset.locale : "en";
  const address = new URL(`${locale}/embed/${form}`, script.src);
  const frame = document.createElement("iframe");
  frame.src = address.href;
  frame.title = script.dataset.title || titles[locale];
  frame.style.cssText = "display: block; width: 100%; height: 60rem; border: 0;";
  window.addEventListener("message", (event) => {
    if (event.source !== frame.contentWindow || event.origin !== address.origin) return;
    const height = Number(event.data && event.data.jobwireHeight);
    if (height > 0 && height < 20000) frame.style.height = `${height}px`;
  });
  frame.addEventListener("load", () => {
    // After the form was sent: what it says stands at the top.
    if (frame.getBoundingClientRect().top < 0) frame.scrollIntoView();
  });
  script.after(frame);
})();
