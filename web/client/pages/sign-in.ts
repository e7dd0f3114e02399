// The sign-in page: show the password on demand, fill in a demo sign-in with one press.

const password = document.querySelector<HTMLInputElement>("#password");
const userName = document.querySelector<HTMLInputElement>("#user_name");
const reveal = document.querySelector<HTMLButtonElement>("[data-reveal]");

if (password && reveal) {
  reveal.hidden = false;
  reveal.addEventListener("click", () => {
    const shown = password.type === "password";
    password.type = shown ? "text" : "password";
    reveal.setAttribute("aria-pressed", String(shown));
    reveal.textContent = (shown ? reveal.dataset["hide"] : reveal.dataset["show"]) ?? "";
    password.focus();
  });
}

for (const button of document.querySelectorAll<HTMLButtonElement>("[data-fill-user]")) {
  button.addEventListener("click", () => {
    if (!userName || !password) return;
    userName.value = button.dataset["fillUser"] ?? "";
    password.value = button.dataset["fillPassword"] ?? "";
    userName.form?.querySelector<HTMLButtonElement>("button[type=submit]")?.focus();
  });
}
