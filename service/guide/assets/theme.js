"use strict";

// Before the first paint, so that a chosen theme does not flash.
const chosen = localStorage.getItem("paintjob-theme");
if (chosen) document.documentElement.dataset.theme = chosen;
