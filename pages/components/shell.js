// The page's language: screen readers speak it, and browsers draw the characters that both China and Japan write as China does.
// Streamlit's own words on an upload field are replaced by ours, see shell.css.
export default function ({ data }) {
  const root = document.documentElement
  root.lang = data.language
  root.style.setProperty("--descent-upload", JSON.stringify(data.upload))
  root.style.setProperty("--descent-drop", JSON.stringify(data.drop))
}
