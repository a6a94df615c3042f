// Sets the chosen theme before the first paint. A file of its own: the policy allows no inline script.
(function () {
  try {
    var theme = localStorage.getItem('plaza.theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch {
    // No storage, no choice: the system's theme.
  }
})();
