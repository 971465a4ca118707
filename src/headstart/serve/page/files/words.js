// All that the page says, in English and Chinese. {name} is filled in; {name|s} is an s unless it is 1.

const ENGLISH = {
  other_language: "中文",
  ask: "Ask the model",
  asking: "Asking …",
  most_errors: "Wrong answers allowed:",
  answer_always: "always answer",
  text_here: "Type or paste a text",
  drop_picture: "Drop a picture here, or choose one",
  drop_sound: "Drop a sound here, or choose one",
  record: "Record",
  stop: "Stop ({seconds} s)",
  no_microphone: "The microphone cannot be used: {why}",
  give_item: "Give the model something to look at first.",
  says: "The model says",
  dont_know: "I don't know",
  dont_know_why: "No answer here keeps the promise of at most {share} wrong answers. Its best guess is {label}.",
  novel: "I have never seen the like of this. The answer below may be worth nothing.",
  set: "With {share} certainty it is one of: {labels}",
  set_one: "With {share} certainty it is: {labels}",
  set_none: "At {share} certainty no class fits.",
  left: "Labels that are not ruled out at {share} certainty: {labels}",
  left_none: "At {share} certainty no label fits.",
  interval: "With {share} certainty it lies between {low} and {high}.",
  other_classes: "and {count} more",
  reasons: "Why?",
  reasons_loading: "Looking for the reasons …",
  reasons_title: "Reasons for this answer",
  right_question: "Is that right?",
  yes: "Yes",
  correct_as: "No, it is …",
  it_is: "What is it?",
  choose_labels: "Switch on all labels that fit, then save.",
  new_class: "another class",
  right_value: "the right value",
  save: "Save",
  saved: "Saved. Thank you: the model can learn from it.",
  next_to_label: "What to label next",
  why_these: "Labels for these would teach the model most.",
  ranking: "Looking for the items to label next …",
  skip: "Skip",
  learning: "What it has learnt",
  counter: "{taught} correction{taught|s} learnt, {waiting} waiting.",
  nothing_learnt: "Nothing yet. Correct an answer, and the model can learn from it.",
  teach: "Teach the model now",
  again: "Teach again what was set aside",
  teaching: "Teaching …",
  taught: "Learnt {count} correction{count|s} in {seconds} s: version {version} answers now.",
  taught_none: "There is nothing new to learn.",
  set_aside: "{count} set aside by going back.",
  left_out: "{count} left out: {why}",
  what_fit: "first training",
  what_update: "{count} correction{count|s}",
  what_forget: "items forgotten",
  versions: "Versions",
  version: "Version {version}",
  current: "answers now",
  older: "Show older versions",
  rollback: "Go back to this one",
  rolled_back: "Version {version} answers now.",
  facts: "{kind}, {classes} classes, version {version}",
  facts_value: "{kind}, estimates {labels}, version {version}",
  kind_text: "Reads texts",
  kind_image: "Looks at pictures",
  kind_audio: "Listens to sounds",
  kind_vector: "Reads rows of numbers",
  kind_columns: "Reads several columns",
  kind_token: "Marks words in texts",
  kind_box: "Finds objects in pictures",
  kind_mask: "Finds areas in pictures",
  nothing_found: "Nothing found",
  objects: "{count} object{count|s}",
  stays_here: "What you give stays on the machine that runs this server.",
  api: "For programs",
  token: "This server asks for a token:",
  no_server: "The server does not answer. Is it still running?",
};

const CHINESE = {
  other_language: "English",
  ask: "让模型判断",
  asking: "正在判断……",
  most_errors: "允许的错误率：",
  answer_always: "总是给出答案",
  text_here: "在此输入或粘贴文本",
  drop_picture: "将图片拖到这里，或点击选择",
  drop_sound: "将声音文件拖到这里，或点击选择",
  record: "录音",
  stop: "停止（{seconds} 秒）",
  no_microphone: "无法使用麦克风：{why}",
  give_item: "请先提供要判断的内容。",
  says: "模型的判断",
  dont_know: "我不知道",
  dont_know_why: "在错误率不超过 {share} 的前提下，无法给出答案。最可能的是：{label}。",
  novel: "我从未见过类似的内容，下面的判断可能没有参考价值。",
  set: "有 {share} 的把握，答案是以下之一：{labels}",
  set_one: "有 {share} 的把握，答案是：{labels}",
  set_none: "在 {share} 的把握下，没有符合的类别。",
  left: "在 {share} 的把握下不能排除的标签：{labels}",
  left_none: "在 {share} 的把握下，没有符合的标签。",
  interval: "有 {share} 的把握，数值在 {low} 与 {high} 之间。",
  other_classes: "以及另外 {count} 个类别",
  reasons: "为什么？",
  reasons_loading: "正在查找依据……",
  reasons_title: "这一判断的依据",
  right_question: "判断得对吗？",
  yes: "对",
  correct_as: "不对，应该是……",
  it_is: "应该是什么？",
  choose_labels: "选中所有合适的标签，然后保存。",
  new_class: "其他类别",
  right_value: "正确的数值",
  save: "保存",
  saved: "已保存，谢谢！模型可以从中学习。",
  next_to_label: "接下来最值得标注的内容",
  why_these: "为这些内容标注，对模型帮助最大。",
  ranking: "正在挑选最值得标注的内容……",
  skip: "跳过",
  learning: "学到了什么",
  counter: "已学习 {taught} 条更正，{waiting} 条待学习。",
  nothing_learnt: "还没有。更正一个判断，模型就可以从中学习。",
  teach: "现在就学习",
  again: "重新学习未使用的更正",
  teaching: "正在学习……",
  taught: "用 {seconds} 秒学习了 {count} 条更正，现在由版本 {version} 作答。",
  taught_none: "没有新的内容可学习。",
  set_aside: "退回版本后有 {count} 条未使用。",
  left_out: "未采用 {count} 条：{why}",
  what_fit: "首次训练",
  what_update: "{count} 条更正",
  what_forget: "已移除部分样本",
  versions: "版本",
  version: "版本 {version}",
  current: "正在使用",
  older: "显示更早的版本",
  rollback: "退回到此版本",
  rolled_back: "现在由版本 {version} 作答。",
  facts: "{kind}，{classes} 个类别，版本 {version}",
  facts_value: "{kind}，估计 {labels}，版本 {version}",
  kind_text: "判断文本",
  kind_image: "判断图片",
  kind_audio: "判断声音",
  kind_vector: "判断一行数字",
  kind_columns: "判断多列数据",
  kind_token: "标出文本中的词语",
  kind_box: "找出图片中的物体",
  kind_mask: "找出图片中的区域",
  nothing_found: "没有找到",
  objects: "{count} 个对象",
  stays_here: "您提供的内容只保存在运行本服务的机器上。",
  api: "程序接口",
  token: "此服务需要访问令牌：",
  no_server: "服务没有响应，它还在运行吗？",
};

const LANGUAGES = { en: ENGLISH, zh: CHINESE };
let language = localStorage.getItem("language") ?? (navigator.language.startsWith("zh") ? "zh" : "en");

export function say(key, values = {}) {
  return LANGUAGES[language][key].replace(/\{(\w+)(\|s)?\}/g, (_, name, plural) =>
    plural ? (values[name] === 1 ? "" : "s") : values[name],
  );
}

export function sentences(all) {
  return all.join(language === "zh" ? "" : " ");
}

export function sayEverything() {
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  const other = document.getElementById("language");
  other.textContent = say("other_language");
  other.lang = language === "zh" ? "en" : "zh";
}

export function switchLanguage() {
  language = language === "zh" ? "en" : "zh";
  localStorage.setItem("language", language);
}

export function percent(share) {
  if (share > 0.99 && share < 1) return "> 99%";
  if (share > 0 && share < 0.01) return "< 1%";
  return `${Math.round(100 * share)}%`;
}
