"use strict";
(() => {
  const leave = () => {
    document.documentElement.hidden = true;
    location.replace("about:blank");
  };
  document.getElementById("exit").addEventListener("click", (event) => {
    event.preventDefault();
    leave();
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") leave();
  });
  // Links within the page leave no trace that the Back button could follow after the way out was taken.
  for (const link of document.querySelectorAll('a[href^="#"]')) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      location.replace(link.hash);
      document.querySelector(link.hash).focus({ preventScroll: true });
    });
  }
})();
