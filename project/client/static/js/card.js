/** One sign-up as a card: its picture, its address, how far its mail is, its job and its two parts. */

import { create, createIcon, setAttribute, setIcon, setText } from "./dom.js";
import { findThumbnails } from "./outcome.js";
import { createStatus } from "./row.js";
import { isFinished } from "./status.js";

/** The picture's side in CSS pixels, from which the browser chooses among the thumbnails. */
const SIDE = "88px";

/** A view of one sign-up: `{element, update(signup)}`; `findJob(id)` knows the jobs. */
export function createCard(first, findJob) {
  const picture = createPicture(first);
  const sign = createIcon("mail");
  const sentence = create("span");
  const state = create("p", { class: "card__state" }, sign, sentence);
  const jobs = [createPart("Picture", first.picture_job), createPart("Mail", first.mail_job)];
  const element = create(
    "li",
    { class: "card", id: `signup-${first.id}` },
    picture.element,
    create("div", { class: "card__body" },
      create("h3", { class: "card__email" }, first.email), state),
    create("ul", { class: "card__jobs", role: "list" }, ...jobs.map((job) => job.element),
      create("li", { class: "card__more" }, linkWhole(first))),
  );

  function update(signup) {
    const [pictureJob, mailJob] = [findJob(signup.picture_job), findJob(signup.mail_job)];
    picture.update(pictureJob);
    const described = describeMail(signup, mailJob);
    setText(sentence, described.text);
    setIcon(sign, described.icon);
    setAttribute(state, "data-tone", described.tone);
    jobs[0].update(pictureJob);
    jobs[1].update(mailJob);
  }

  return { element, update };
}

/** Where the confirmation stands: `{text, tone, icon}`. Pure. */
export function describeMail(signup, job) {
  if (signup.confirmed_at) return { text: "Confirmed", tone: "good", icon: "succeeded" };
  if (job?.status === "succeeded") {
    return { text: "Mail sent. Follow the link in it to confirm.", tone: "run", icon: "mail" };
  }
  if (job && isFinished(job)) {
    return { text: "The mail could not be sent.", tone: "bad", icon: "failed" };
  }
  return { text: "Mail on its way", tone: "wait", icon: "mail" };
}

function createPicture(signup) {
  const icon = createIcon("picture");
  const image = create("img", { alt: `Picture of ${signup.email}`, sizes: SIDE, hidden: "" });
  const element = create("div", { class: "card__picture" }, icon, image);

  function update(job) {
    const thumbnails = findThumbnails(job);
    const isBroken = Boolean(job) && isFinished(job) && !thumbnails;
    setAttribute(element, "data-tone", isBroken ? "bad" : null);
    setIcon(icon, isBroken ? "failed" : "picture");
    if (!thumbnails || !image.hidden) return;
    image.srcset = thumbnails.map(({ url, width }) => `${url} ${width}w`).join(", ");
    image.src = thumbnails.at(-1).url;
    image.hidden = false;
    icon.remove();
  }

  return { element, update };
}

function createPart(name, id) {
  const status = createStatus();
  const element = create("li", {}, create("a", { href: addressOf(id) }, name), " ", status.element);
  return { element, update: (job) => job && status.update(job) };
}

/** To the job that both are parts of: with its log, and to be run again. */
function linkWhole({ job, email }) {
  return create("a", { href: addressOf(job), "aria-label": `Job of ${email}` }, "Job");
}

function addressOf(id) {
  return `/jobs/${encodeURIComponent(id)}`;
}
