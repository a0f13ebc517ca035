import { render } from "preact";
import { App } from "./app";
// Later ones take precedence.
import "./styles/base.css";
import "./styles/stage.css";
import "./styles/panel.css";
import "./styles/form.css";
import "./styles/result.css";
import "./styles/dialogs.css";
import "./styles/phones.css";

render(<App />, document.getElementById("app")!);
