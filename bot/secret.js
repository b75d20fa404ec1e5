const field = document.getElementById("secret");
const eye = document.getElementById("show");
eye.hidden = false;
eye.addEventListener("click", () => {
  const shown = field.type === "text";
  field.type = shown ? "password" : "text";
  eye.textContent = shown ? "Show" : "Hide";
  eye.setAttribute("aria-pressed", String(!shown));
  field.focus();
});
document.querySelector("form").addEventListener("submit", () => {
  field.type = "password";
  document.getElementById("send").disabled = true;
});
