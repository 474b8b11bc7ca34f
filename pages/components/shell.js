// The page's language: screen readers speak it, and browsers draw the characters that both China and Japan write as China does.
export default function ({ data }) {
  document.documentElement.lang = data.language
}
